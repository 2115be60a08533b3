//! What a witness is, and what it can see.

use std::future::Future;
use std::pin::Pin;

use anyhow::Result;
use client::Error;
use conditions::{Condition, Operation, Row, Table};

use crate::lab::Lab;

/// Whether a run has the row's cause or leaves it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Present,
    Absent,
}

impl Cause {
    /// One of two things that a scenario differs in.
    pub(crate) fn choose<T>(self, with: T, without: T) -> T {
        match self {
            Self::Present => with,
            Self::Absent => without,
        }
    }

    pub(crate) fn is_present(self) -> bool {
        self == Self::Present
    }
}

/// What a run saw. That a run went wrong by itself is the `Err` around it.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// All that was tried succeeded.
    Fine,
    /// A call of the SDK failed, or something else on the device.
    Failed(Error),
    /// A request was refused on the wire.
    Refused(Error),
    /// A call of the SDK failed with this, and the request of that call was refused on the wire.
    Both(Error),
    /// The wire refused it with one code, and the SDK told another.
    Apart { wire: Error, sdk: Error },
}

impl Outcome {
    /// What a call of the SDK gave.
    pub(crate) fn of<T>(result: client::Result<T>) -> Self {
        result.map_or_else(Self::Failed, |_| Self::Fine)
    }

    /// What the wire says, and what a call of the SDK gave for the same.
    ///
    /// # Errors
    /// When one of them failed and the other did not.
    pub(crate) fn told<T>(self, sdk: client::Result<T>) -> Result<Self> {
        match (self, sdk) {
            (Self::Fine, Ok(_)) => Ok(Self::Fine),
            (Self::Refused(wire), Err(sdk)) => {
                let mut wire = wire.in_table(sdk.table());
                if let (None, Some(operation)) = (wire.operation(), sdk.operation()) {
                    wire = wire.with_operation(operation);
                }
                let is_one = (wire.code(), wire.symbol()) == (sdk.code(), sdk.symbol());
                Ok(if is_one { Self::Both(sdk) } else { Self::Apart { wire, sdk } })
            }
            (Self::Fine, Err(sdk)) => anyhow::bail!("the wire refuses nothing, and the SDK says {sdk}"),
            (Self::Refused(wire), Ok(_)) => anyhow::bail!("the wire says {wire}, and the SDK nothing"),
            (Self::Failed(_) | Self::Both(_) | Self::Apart { .. }, _) => {
                anyhow::bail!("the SDK was asked already")
            }
        }
    }
}

pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = Result<Outcome>> + Send + 'a>>;

/// A scenario, and the rows that it is the witness of.
#[derive(Debug)]
pub(crate) struct Witness {
    /// The rows: those of these tables that have this condition and operation.
    pub(crate) tables: &'static [Table],
    pub(crate) condition: Condition,
    pub(crate) operation: Option<Operation>,
    /// It starts a server of its own to break it, or needs files of the server: not against a given one.
    pub(crate) needs_own_server: bool,
    /// Why a row that a server brings about is seen either on the wire or by the SDK, and not in both.
    pub(crate) one_sided: Option<&'static str>,
    /// Why the SDK can't know this case by code and text, where the server does not name the condition.
    pub(crate) needs_names: Option<&'static str>,
    pub(crate) run: for<'a> fn(&'a Lab, Cause) -> Running<'a>,
    /// The path of its function, with all modules.
    pub(crate) path: fn() -> &'static str,
}

impl Witness {
    pub(crate) fn is_of(&self, row: &Row) -> bool {
        row.condition == self.condition && row.operation == self.operation && self.tables.contains(&row.table)
    }

    /// The same for rows that a table has for one operation.
    pub(crate) const fn of_operation(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// The same for one whose row a server brings about, and that is seen on the wire alone or by the SDK alone.
    pub(crate) const fn one_sided(mut self, why: &'static str) -> Self {
        self.one_sided = Some(why);
        self
    }

    /// The same for one whose code and text are also those of another row, and which.
    pub(crate) const fn needs_names(mut self, why: &'static str) -> Self {
        self.needs_names = Some(why);
        self
    }

    /// The same for one that breaks its server.
    pub(crate) const fn on_own_server(mut self) -> Self {
        self.needs_own_server = true;
        self
    }
}

/// A witness from an async function of a [`Lab`] and a [`Cause`].
macro_rules! witness {
    ($tables:expr, $condition:ident, $run:path) => {
        $crate::witness::Witness {
            tables: $tables,
            condition: ::conditions::Condition::$condition,
            operation: None,
            needs_own_server: false,
            one_sided: None,
            needs_names: None,
            run: |lab, cause| Box::pin($run(lab, cause)),
            path: || ::std::any::type_name_of_val(&$run),
        }
    };
    ($tables:expr, $condition:ident, $operation:ident, $run:path) => {
        $crate::witness::Witness {
            operation: Some(::conditions::Operation::$operation),
            ..$crate::witness::witness!($tables, $condition, $run)
        }
    };
}
pub(crate) use witness;
