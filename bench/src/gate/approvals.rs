//! Approved regressions: a bench, a metric, a bound, a reason and an end date.
//!
//! Read from `bench/approvals.toml`. An approval turns a failure into "accepted" as long as the change
//! stays within its bound and its date has not passed; one that nothing needs is pointed out.

use crate::{
    error::{Error, Result},
    gate::{Finding, Verdict},
};
use serde::Deserialize;
use std::{fmt, path::Path, time::SystemTime};

/// A day, without a time zone: approvals end at the end of it, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Year.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day, 1 to 31.
    pub day: u8,
}

impl Date {
    /// The day that is `days` after 1970-01-01 (Hinnant's civil calendar).
    #[must_use]
    pub fn from_unix_days(days: i64) -> Self {
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month: month as u8, day: day as u8 }
    }

    /// Today, in UTC.
    #[must_use]
    pub fn today() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self::from_unix_days((since.as_secs() / 86_400) as i64)
    }

    /// The date `YYYY-MM-DD` in `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let year = parts.next()?.parse().ok()?;
        let month = parts.next()?.parse().ok()?;
        let day = parts.next()?.parse().ok()?;
        ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some(Self { year, month, day })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// All approvals.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approvals {
    /// One entry a metric.
    #[serde(default)]
    pub accept: Vec<Approval>,
}

/// One approved regression.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The benchmark: `suite/name`.
    pub bench: String,
    /// The metric, as the gate prints it.
    pub metric: String,
    /// How much worse it may be, in percent of the baseline.
    pub max_percent: f64,
    /// Why that is all right.
    pub reason: String,
    /// Last day it holds: `YYYY-MM-DD`.
    pub expires: String,
}

impl Approvals {
    /// The approvals in `path`.
    ///
    /// # Errors
    /// [`Error::Usage`] when the file is of another form, a reason is missing or a date is none.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        Self::parse(&text).map_err(|why| Error::Usage(format!("{}: {why}", path.display())))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let approvals: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        for approval in &approvals.accept {
            let bench = &approval.bench;
            if Date::parse(&approval.expires).is_none() {
                return Err(format!("{bench}: {:?} is no date", approval.expires));
            }
            if approval.reason.trim().len() < 10 {
                return Err(format!("{bench}: give a reason that somebody else understands"));
            }
        }
        Ok(approvals)
    }

    /// Turns approved failures into "accepted"; tells which approvals nothing needed.
    pub(super) fn apply(&self, findings: &mut [Finding], today: Date) -> Vec<String> {
        let mut warnings = Vec::new();
        for approval in &self.accept {
            let mine = |finding: &&mut Finding| {
                finding.verdict == Verdict::Fail
                    && finding.bench == approval.bench
                    && finding.metric == approval.metric
            };
            let mut used = false;
            for finding in findings.iter_mut().filter(mine) {
                used = true;
                let in_time = Date::parse(&approval.expires).is_some_and(|last| today <= last);
                let bound = approval.max_percent;
                let within = finding.worse_percent.is_some_and(|worse| worse <= bound);
                if !in_time {
                    finding.reason += &format!("; its approval expired on {}", approval.expires);
                } else if !within {
                    finding.reason += &format!("; its approval ends at {bound:+.1} %");
                } else {
                    finding.verdict = Verdict::Accepted;
                    finding.reason =
                        format!("{} (approved until {})", approval.reason, approval.expires);
                }
            }
            if !used {
                let (bench, metric) = (&approval.bench, &approval.metric);
                warnings
                    .push(format!("nothing needs the approval of {metric} for {bench}: remove it"));
            }
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        let cases = [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_454, "2026-01-01"),
            (-1, "1969-12-31"),
        ];
        for (days, expected) in cases {
            assert_eq!(Date::from_unix_days(days).to_string(), expected, "{days}");
            assert_eq!(Date::parse(expected), Some(Date::from_unix_days(days)), "{expected}");
        }
        for wrong in ["", "2026", "2026-13-01", "2026-01-32", "yesterday", "2026-1-x"] {
            assert_eq!(Date::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn approvals_need_a_reason_and_a_date() {
        let text = |reason: &str, expires: &str| {
            format!(
                "[[accept]]\nbench='a/b'\nmetric='fsyncs'\nmax_percent=5.0\nreason='{reason}'\nexpires='{expires}'\n"
            )
        };
        assert!(Approvals::parse(&text("needed for the new header", "2027-01-31")).is_ok());
        for (name, reason, expires) in [
            ("no reason", "", "2027-01-31"),
            ("a shrug", "ok", "2027-01-31"),
            ("no date", "needed for the new header", "soon"),
        ] {
            assert!(Approvals::parse(&text(reason, expires)).is_err(), "{name}");
        }
        assert!(Approvals::parse("[[accept]]\nbench='a/b'\n").is_err(), "fields are missing");
        assert_eq!(Approvals::parse(""), Ok(Approvals::default()));
    }
}
