//! How far an upload or download is, and what its failure is called.

use std::collections::VecDeque;

use conditions::{Condition, Operation};

use crate::Error;

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Upload,
    Download,
}

/// Whom they are exchanged with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The chat server takes files itself.
    Server,
    /// A store of files that the chat server gives tokens for.
    ObjectStore,
}

/// What went wrong, as the connection shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferFault {
    /// No connection could be made, or nothing came for too long.
    Unreachable,
    /// The connection broke in the midst.
    BrokeOff,
    /// An HTTP status, and the condition and the number of the line in the server's log where the answer names them.
    Refused { status: u16, condition: Option<Condition>, trace: Option<String> },
    /// Nobody answered who gives the permission to transfer.
    NoToken,
    /// The permission to transfer was refused.
    TokenRefused { status: u16, trace: Option<String> },
}

impl TransferFault {
    /// The failure in the words of the catalogue. What the server itself says about the file counts first.
    pub fn error(&self, direction: Direction, via: Via) -> Error {
        let operation = match direction {
            Direction::Upload => Operation::FileUpload,
            Direction::Download => Operation::FileDownload,
        };
        let (condition, operation) = match (direction, via, self) {
            (_, _, Self::Refused { condition: Some(condition), .. }) if is_about_the_file(*condition) => {
                (*condition, operation)
            }
            (Direction::Upload, _, Self::TokenRefused { .. }) => (Condition::UploadTokenFailed, operation),
            (Direction::Upload, Via::Server, fault) => match fault {
                Self::NoToken | Self::TokenRefused { .. } => (Condition::UploadTokenFailed, operation),
                Self::Unreachable | Self::BrokeOff => (Condition::MediaUploadFailed, Operation::Network),
                Self::Refused { status: 413, .. } => (Condition::FileTooLarge, operation),
                Self::Refused { .. } => (Condition::MediaUploadFailed, operation),
            },
            (Direction::Upload, Via::ObjectStore, fault) => match fault {
                Self::NoToken | Self::TokenRefused { .. } => (Condition::ObjectStoreTokenFailed, operation),
                Self::Unreachable | Self::BrokeOff => {
                    (Condition::ObjectStoreNetworkError, Operation::Network)
                }
                Self::Refused { status: 401 | 403, .. } => (Condition::ObjectStoreAuthError, operation),
                Self::Refused { status: 400..=499, .. } => (Condition::ObjectStoreUploadFailed, operation),
                Self::Refused { .. } => (Condition::ObjectStoreUnknownError, operation),
            },
            (Direction::Download, _, Self::Refused { status: 404 | 410, .. }) => {
                (Condition::FileNotFound, operation)
            }
            (Direction::Download, _, _) => (Condition::MediaDownloadFailed, operation),
        };
        let error = Error::new(condition).with_operation(operation);
        match self {
            Self::Refused { status, trace, .. } | Self::TokenRefused { status, trace } => {
                let error = error.with_detail(format!("HTTP {status}"));
                error.with_trace_id(trace.clone().unwrap_or_default())
            }
            Self::Unreachable | Self::BrokeOff | Self::NoToken => error,
        }
    }
}

fn is_about_the_file(condition: Condition) -> bool {
    matches!(
        condition,
        Condition::FileNotFound
            | Condition::FileExpired
            | Condition::FileTooLarge
            | Condition::FileQuotaExceeded
            | Condition::FileContentRejected
            | Condition::FileTypeUnsupported
            | Condition::FileAccessDenied
            | Condition::FileInvalid
            | Condition::ShareSecretWrong
    )
}

/// What the app is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferEvent {
    /// So many bytes of so many. Told for each percent, or each 64 KiB while the total is unknown.
    Progress {
        done: u64,
        total: Option<u64>,
    },
    Finished,
    Failed(Error),
    /// The app cancelled it.
    Cancelled,
}

/// A transfer. Ends once: after that nothing is told any more.
#[derive(Debug)]
pub struct Transfer {
    direction: Direction,
    via: Via,
    total: Option<u64>,
    done: u64,
    told: u64,
    has_ended: bool,
    events: VecDeque<TransferEvent>,
}

/// Bytes between two pieces of news while the total is unknown.
const NEWS_BYTES: u64 = 64 << 10;

impl Transfer {
    pub fn new(direction: Direction, via: Via, total: Option<u64>) -> Self {
        Self { direction, via, total, done: 0, told: 0, has_ended: false, events: VecDeque::new() }
    }

    /// The other side said how many bytes there are.
    pub fn set_total(&mut self, total: u64) {
        self.total = Some(total);
    }

    /// Bytes have passed.
    pub fn advance(&mut self, bytes: u64) {
        if self.has_ended {
            return;
        }
        self.done += bytes;
        let step = self.total.map_or(NEWS_BYTES, |total| total.div_ceil(100)).max(1);
        if self.done - self.told >= step || Some(self.done) == self.total {
            self.told = self.done;
            self.events.push_back(TransferEvent::Progress { done: self.done, total: self.total });
        }
    }

    /// Everything has passed and was found right.
    pub fn finish(&mut self) {
        self.end(TransferEvent::Finished);
    }

    /// The connection failed.
    pub fn fail(&mut self, fault: &TransferFault) {
        self.fail_with(fault.error(self.direction, self.via));
    }

    /// Something else failed, such as the check of what arrived.
    pub fn fail_with(&mut self, error: Error) {
        self.end(TransferEvent::Failed(error));
    }

    /// The app wants no more of it. False: it has ended already.
    pub fn cancel(&mut self) -> bool {
        let is_running = !self.has_ended;
        self.end(TransferEvent::Cancelled);
        is_running
    }

    /// True once it is finished, failed or cancelled: the driver stops.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The next piece of news.
    pub fn poll_event(&mut self) -> Option<TransferEvent> {
        self.events.pop_front()
    }

    fn end(&mut self, event: TransferEvent) {
        if !std::mem::replace(&mut self.has_ended, true) {
            self.events.push_back(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorTable;

    /// One row for each failure of the documents.
    #[test]
    fn failures_are_told_in_each_table() {
        use Direction::{Download, Upload};
        use ErrorTable::{AgoraIos, Easemob, EasemobLegacyIos, JMessageAndroid, JMessageIos};
        use TransferFault::{BrokeOff, NoToken, Unreachable};
        let status = |status| TransferFault::Refused { status, condition: None, trace: None };
        let no_token = TransferFault::TokenRefused { status: 403, trace: None };
        for (direction, via, fault, table, code) in [
            (Upload, Via::Server, status(500), EasemobLegacyIos, 1014),
            (Upload, Via::Server, status(500), Easemob, 402),
            (Upload, Via::Server, status(503), JMessageIos, 860_018),
            (Upload, Via::Server, Unreachable, JMessageIos, 860_018),
            (Upload, Via::Server, NoToken, JMessageIos, 860_020),
            (Upload, Via::Server, status(403), JMessageAndroid, 871_402),
            (Upload, Via::Server, BrokeOff, JMessageAndroid, 871_403),
            (Upload, Via::ObjectStore, status(500), JMessageIos, 860_210),
            (Upload, Via::ObjectStore, Unreachable, JMessageIos, 860_211),
            (Upload, Via::ObjectStore, status(403), JMessageIos, 860_212),
            (Upload, Via::ObjectStore, status(400), JMessageIos, 860_213),
            (Upload, Via::ObjectStore, NoToken, JMessageIos, 860_214),
            (Upload, Via::ObjectStore, no_token, JMessageIos, 860_020),
            (Download, Via::Server, status(404), Easemob, 400),
            (Download, Via::Server, BrokeOff, Easemob, 403),
            (Download, Via::Server, Unreachable, JMessageIos, 860_015),
            (Download, Via::ObjectStore, status(500), JMessageAndroid, 871_404),
        ] {
            let error = fault.error(direction, via).in_table(table);
            assert_eq!(error.code(), Some(code), "{direction:?} {via:?} {fault:?}: {error}");
        }
        for (direction, fault, symbol) in [
            (Upload, Unreachable, "AgoraErrorFileUploadFailed"),
            (Download, Unreachable, "AgoraErrorFileDownloadFailed"),
            (Download, status(410), "AgoraErrorFileNotFound"),
        ] {
            assert_eq!(fault.error(direction, Via::Server).in_table(AgoraIos).symbol(), symbol);
        }
    }

    #[test]
    fn what_the_server_says_about_the_file_counts_first() {
        let of = |condition| {
            let fault = TransferFault::Refused { status: 400, condition: Some(condition), trace: None };
            fault.error(Direction::Upload, Via::Server).condition()
        };
        assert_eq!(of(Condition::FileContentRejected), Condition::FileContentRejected);
        assert_eq!(of(Condition::StorageUnavailable), Condition::MediaUploadFailed);
    }

    #[test]
    fn progress_is_told_at_most_once_a_percent() {
        let mut transfer = Transfer::new(Direction::Upload, Via::Server, Some(1_000_000));
        for _ in 0..1_000 {
            transfer.advance(1_000);
        }
        transfer.finish();
        let events: Vec<_> = std::iter::from_fn(|| transfer.poll_event()).collect();
        assert_eq!(events.len(), 101);
        assert_eq!(events[0], TransferEvent::Progress { done: 10_000, total: Some(1_000_000) });
        assert_eq!(events[99], TransferEvent::Progress { done: 1_000_000, total: Some(1_000_000) });
        assert_eq!(events[100], TransferEvent::Finished);
    }

    #[test]
    fn a_transfer_ends_once() {
        let mut transfer = Transfer::new(Direction::Download, Via::Server, None);
        transfer.advance(100_000);
        assert!(transfer.cancel());
        assert!(!transfer.cancel());
        transfer.advance(100_000);
        transfer.fail(&TransferFault::BrokeOff);
        transfer.finish();
        assert!(transfer.has_ended());
        let events: Vec<_> = std::iter::from_fn(|| transfer.poll_event()).collect();
        let progress = TransferEvent::Progress { done: 100_000, total: None };
        assert_eq!(events, [progress, TransferEvent::Cancelled]);
    }
}
