//! How a use case fails: a refusal (the caller's doing) or a fault (ours), each with its condition.

use std::fmt;
use std::time::Duration;

use conditions::Condition;
use domain::Refused;
use domain::account::{BatchRefused, RegisterRefused};
use domain::app::SettingError;
use domain::attachment::{ReadRefused, UploadRefused};
use domain::attributes::AttributesRefused;
use domain::block::BlockRefused;
use domain::client_build::BuildRefused;
use domain::contact::ContactRefused;
use domain::conversation::ConversationRefused;
use domain::device::LoginRefused;
use domain::edit::EditRefused;
use domain::favourite::FavouriteRefused;
use domain::group::{AttributeRefused, GroupRefused, ThreadRefused};
use domain::hook::{AskRefused, RedeliveryRefused, RuleRefused};
use domain::hour::HourRefused;
use domain::keyword::{KeywordRefused, WordsRefused};
use domain::message::{RecallRefused, SendRefused};
use domain::moderation::ExportRefused;
use domain::no_disturb::NoDisturbRefused;
use domain::pin::PinRefused;
use domain::presence::PresenceRefused;
use domain::push::PushRefused;
use domain::reaction::ReactRefused;
use domain::report::ReportRefused;
use domain::said::SpanRefused;
use domain::stream::StreamRefused;
use domain::token::TokenRefused;
use domain::upload_token::UploadTokenRefused;
use store::{EngineError, StoreError};
use thiserror::Error;

use crate::blobs::BlobError;
use crate::random;
use crate::seldom::Seldom;

/// Faults that meet every call as long as they last.
static LASTING: Seldom = Seldom::new();

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Error {
    #[error("{}", .0.detail)]
    Refused(Refused),
    #[error(transparent)]
    Fault(#[from] StoreError),
    /// The bytes of files.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

/// A blanket implementation over [`domain::Refusal`] would overlap with the one for faults.
macro_rules! refusals {
    ($($refusal:ty),+ $(,)?) => {$(
        impl From<$refusal> for Error {
            fn from(refusal: $refusal) -> Self {
                Self::Refused(refusal.into())
            }
        }
    )+};
}
refusals!(
    AskRefused,
    ThreadRefused,
    StreamRefused,
    KeywordRefused,
    WordsRefused,
    BatchRefused,
    BuildRefused,
    AttributesRefused,
    FavouriteRefused,
    BlockRefused,
    ContactRefused,
    PresenceRefused,
    GroupRefused,
    AttributeRefused,
    RegisterRefused,
    SettingError,
    LoginRefused,
    HourRefused,
    ConversationRefused,
    EditRefused,
    NoDisturbRefused,
    PinRefused,
    PushRefused,
    ReactRefused,
    ReadRefused,
    RecallRefused,
    RuleRefused,
    RedeliveryRefused,
    ReportRefused,
    SendRefused,
    SpanRefused,
    ExportRefused,
    TokenRefused,
    UploadRefused,
    UploadTokenRefused
);

impl Error {
    /// A refusal that needs no more words than its condition has.
    pub fn plain(condition: Condition) -> Self {
        Self::Refused(Refused::plain(condition))
    }

    /// A refusal with facts for the vendors' texts.
    pub fn refused(condition: Condition, arguments: Vec<(&'static str, String)>) -> Self {
        Self::Refused(Refused { arguments, ..Refused::plain(condition) })
    }

    pub fn condition(&self) -> Condition {
        match self {
            Self::Refused(refused) => refused.condition,
            Self::Fault(fault) => condition_of(fault),
            Self::Blobs(fault) => match fault {
                BlobError::Missing { .. } => Condition::FileNotFound,
                BlobError::Full { .. } => Condition::StorageFull,
                BlobError::Unavailable { .. } => Condition::StorageUnavailable,
            },
        }
    }

    /// Facts for the vendors' texts. A fault has none: its details are for the operator's log.
    pub fn arguments(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Refused(refused) => {
                refused.arguments.iter().map(|(name, value)| (*name, value.as_str())).collect()
            }
            Self::Fault(_) | Self::Blobs(_) => Vec::new(),
        }
    }

    /// When trying again can help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refused) => refused.retry_after,
            Self::Fault(fault) => passes_by_itself(fault).then_some(Duration::from_secs(1)),
            Self::Blobs(BlobError::Missing { .. }) => None,
            Self::Blobs(_) => Some(Duration::from_secs(1)),
        }
    }

    /// Writes the failure down, once, where it leaves the house, under a trace id that the caller gets:
    /// refusals are counted, faults are for somebody to look at. Faults that last are told seldom.
    pub fn report(&self, dialect: &'static str) -> TraceId {
        let trace = TraceId::new();
        let condition = self.condition().as_str();
        match self {
            Self::Refused(refused) => {
                tracing::debug!(%trace, dialect, condition, detail = %refused.detail, "refused");
            }
            Self::Fault(_) | Self::Blobs(_) if self.retry_after().is_some() => {
                match LASTING.tell(condition) {
                    Some(left_out) => {
                        tracing::error!(%trace, dialect, condition, error = %self, left_out, "calls fail");
                    }
                    None => tracing::debug!(%trace, dialect, condition, error = %self, "a call failed"),
                }
            }
            Self::Fault(_) | Self::Blobs(_) => {
                tracing::error!(%trace, dialect, condition, error = %self, "a call failed");
            }
        }
        metrics::counter!("kith_refusals_total", "condition" => condition, "dialect" => dialect).increment(1);
        trace
    }
}

fn condition_of(fault: &StoreError) -> Condition {
    match fault {
        StoreError::Contended { .. } => Condition::ServerBusy,
        StoreError::Damaged { .. } => Condition::InternalError,
        StoreError::Format { .. } => Condition::StorageFormatNewer,
        StoreError::Engine(error) => match error {
            EngineError::Busy => Condition::ServerBusy,
            EngineError::Full { .. } => Condition::StorageFull,
            EngineError::Unavailable { .. } | EngineError::Unknown { .. } => Condition::StorageUnavailable,
            EngineError::DataLost { .. } => Condition::DataLost,
            EngineError::Format { .. } => Condition::StorageFormatNewer,
            // A check that no caller caught, or a batch over the contract's limits: our bug.
            EngineError::CheckFailed { .. } | EngineError::Invalid { .. } => Condition::InternalError,
        },
    }
}

/// Whether the same call may go through in a moment.
fn passes_by_itself(fault: &StoreError) -> bool {
    match fault {
        StoreError::Contended { .. } => true,
        StoreError::Damaged { .. } | StoreError::Format { .. } => false,
        StoreError::Engine(error) => matches!(
            error,
            EngineError::Busy
                | EngineError::Full { .. }
                | EngineError::Unavailable { .. }
                | EngineError::Unknown { .. }
        ),
    }
}

/// What a caller quotes and an operator looks for: 16 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceId(String);

impl TraceId {
    fn new() -> Self {
        Self(random::hex::<8>())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
