//! An alert as it is stored: one row for each spell of a rule and an entity, the newest state of it.
//!
//! Two rows of the same rule and entity are at least [`QUIET`] apart, as the detector keeps them.

use std::time::Duration;

use rusqlite::{Connection, Row, params};
use veribus_core::Timestamp;

use super::StoreError;

/// A pause after which more of the same is a new alert.
pub const QUIET: Duration = Duration::from_secs(24 * 3_600);

/// One alert, with everything that is shown of it in `detail`.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAlert {
    /// Id of the rule that raised it.
    pub rule: String,
    /// Whom or what it is about, as `kind:value`.
    pub entity: String,
    /// Risk, 0 to 100.
    pub risk: u8,
    /// Time of the first event that belongs to it.
    pub first_seen: Timestamp,
    /// Time of the last one.
    pub last_seen: Timestamp,
    /// The alert as `--json` shows it: the text of a JSON object.
    pub detail: String,
}

/// The columns of [`StoredAlert::from_row`], in its order.
pub(super) const COLUMNS: &str = "rule, entity, risk, first_seen, last_seen, detail";

impl StoredAlert {
    /// [`StoredAlert::detail`], read; null if it is not JSON.
    pub fn document(&self) -> serde_json::Value {
        serde_json::from_str(&self.detail).unwrap_or_default()
    }

    pub(super) fn save(&self, connection: &Connection) -> Result<(), StoreError> {
        // After a restart the detector may know an earlier or a later beginning of the same alert.
        connection
            .prepare_cached("DELETE FROM alerts WHERE rule = ?1 AND entity = ?2 AND last_seen >= ?3")?
            .execute(params![self.rule, self.entity, self.first_seen.saturating_sub(QUIET).as_nanos()])?;
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO alerts (rule, entity, risk, first_seen, last_seen, detail) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                self.rule,
                self.entity,
                self.risk,
                self.first_seen.as_nanos(),
                self.last_seen.as_nanos(),
                self.detail,
            ])?;
        Ok(())
    }

    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(StoredAlert {
            rule: row.get(0)?,
            entity: row.get(1)?,
            risk: row.get(2)?,
            first_seen: Timestamp::from_nanos(row.get(3)?),
            last_seen: Timestamp::from_nanos(row.get(4)?),
            detail: row.get(5)?,
        })
    }
}
