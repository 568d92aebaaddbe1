//! What `publish` answered.

use pyo3::prelude::*;
use veribus_core::{EventId, LossReason, Receipt};

/// The answer of `publish`: true where the event was taken.
#[pyclass(name = "Receipt", module = "veribus", frozen)]
pub(crate) struct PyReceipt {
    id: Option<EventId>,
    refused: Refused,
}

enum Refused {
    No,
    Dropped(LossReason),
    Rejected(String),
}

impl From<Receipt> for PyReceipt {
    #[inline]
    fn from(receipt: Receipt) -> Self {
        match receipt {
            Receipt::Accepted(id) => PyReceipt { id: Some(id), refused: Refused::No },
            Receipt::Dropped { id, reason } => PyReceipt { id, refused: Refused::Dropped(reason) },
            Receipt::Rejected(error) => {
                PyReceipt { id: None, refused: Refused::Rejected(format!("{}: {error}", error.code())) }
            }
        }
    }
}

impl PyReceipt {
    pub(crate) fn accepted(id: EventId) -> Self {
        PyReceipt { id: Some(id), refused: Refused::No }
    }
}

#[pymethods]
impl PyReceipt {
    #[getter]
    fn id(&self) -> Option<String> {
        self.id.map(|id| id.to_string())
    }

    #[getter]
    fn status(&self) -> &'static str {
        match self.refused {
            Refused::No => "accepted",
            Refused::Dropped(_) => "dropped",
            Refused::Rejected(_) => "rejected",
        }
    }

    #[getter]
    fn reason(&self) -> Option<&str> {
        match &self.refused {
            Refused::No => None,
            Refused::Dropped(reason) => Some(reason.as_str()),
            Refused::Rejected(text) => Some(text),
        }
    }

    fn __bool__(&self) -> bool {
        matches!(self.refused, Refused::No)
    }

    fn __repr__(&self) -> String {
        match (&self.refused, self.id()) {
            (Refused::No, Some(id)) => format!("<Receipt accepted {id}>"),
            (_, _) => format!("<Receipt {}: {}>", self.status(), self.reason().unwrap_or_default()),
        }
    }
}
