//! A line of the list: a problem, or a lint; what is said of it, and where it leads.

use super::super::{Context, ScreenId};
use crate::model::pagemap::state_text;
use crate::model::rules;
use crate::model::told::told;
use crate::place::{At, Place};
use crate::theme::Role;
use northstar_engine::error;
use northstar_engine::examine::Lint;
use northstar_engine::inspect::{Problem, Severity};
use northstar_engine::printable::Printable;
use serde_json::{Value, json};
use std::path::Path;

/// What a check found, of either kind.
#[derive(Clone, Copy, Debug)]
pub(in crate::screens) enum Entry<'a> {
    /// A rule is broken.
    Problem(&'a Problem),
    /// None is, and it is worth knowing.
    Lint(&'a Lint),
}

/// Everything that the last check found, lints last.
#[derive(Clone, Copy, Debug)]
pub(in crate::screens) struct Entries<'a> {
    problems: &'a [Problem],
    lints: &'a [Lint],
}

impl<'a> Entries<'a> {
    pub(in crate::screens) fn of(context: &'a Context) -> Self {
        let problems = context.survey.as_ref().map(|survey| survey.report.problems.as_slice());
        Self { problems: problems.unwrap_or_default(), lints: &context.lints }
    }

    pub(in crate::screens) const fn len(self) -> usize {
        self.problems.len() + self.lints.len()
    }

    pub(in crate::screens) const fn is_empty(self) -> bool {
        self.len() == 0
    }

    pub(in crate::screens) fn get(self, at: usize) -> Option<Entry<'a>> {
        match self.problems.get(at) {
            Some(problem) => Some(Entry::Problem(problem)),
            None => self.lints.get(at.checked_sub(self.problems.len())?).map(Entry::Lint),
        }
    }

    pub(in crate::screens) fn problems(self) -> impl Iterator<Item = Entry<'a>> {
        self.problems.iter().map(Entry::Problem)
    }

    pub(in crate::screens) fn lints(self) -> impl Iterator<Item = Entry<'a>> {
        self.lints.iter().map(Entry::Lint)
    }

    pub(in crate::screens) fn iter(self) -> impl Iterator<Item = Entry<'a>> {
        self.problems().chain(self.lints())
    }
}

/// A file's name, printable.
fn name_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    Printable::capped(name.as_encoded_bytes(), 60).into_string()
}

/// What a severity says about the data.
const fn consequence(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => {
            "error: data is damaged here; northstar-headless salvage saves what can still be read"
        }
        Severity::Warning => {
            "warning: the current state loses nothing; the engine works around it, or only older \
             states are touched"
        }
        Severity::Note => "note: nothing is lost",
    }
}

impl<'a> Entry<'a> {
    /// The number of its rule.
    pub(in crate::screens) const fn rule(self) -> &'static str {
        match self {
            Self::Problem(problem) => problem.rule,
            Self::Lint(lint) => lint.rule,
        }
    }

    /// How bad a problem is.
    pub(in crate::screens) fn severity(self) -> Option<Severity> {
        match self {
            Self::Problem(problem) => Some(problem.severity),
            Self::Lint(_) => None,
        }
    }

    /// How bad it is, in a word.
    pub(in crate::screens) const fn kind(self) -> &'static str {
        match self {
            Self::Problem(problem) => problem.severity.name(),
            Self::Lint(_) => "lint",
        }
    }

    fn file(self) -> &'a Path {
        match self {
            Self::Problem(problem) => &problem.file,
            Self::Lint(lint) => &lint.file,
        }
    }

    const fn place_in_file(self) -> error::Place {
        match self {
            Self::Problem(problem) => problem.place,
            Self::Lint(lint) => lint.place,
        }
    }

    /// Where it is, in words: the file too when it is about another one than the database as a whole.
    pub(in crate::screens) fn whereabouts(self, context: &Context) -> String {
        let (place, file) = (self.place_in_file(), self.file());
        let own = file.file_name() == context.summary.file.file_name();
        match place {
            error::Place::Page(_) | error::Place::Lsn(_) => place.to_string(),
            error::Place::File if !own => name_of(file),
            _ if !own => format!("{} {place}", name_of(file)),
            _ => place.to_string(),
        }
    }

    /// Where Enter leads.
    pub(in crate::screens) fn leads_to(self) -> Option<Place> {
        match (self, self.place_in_file()) {
            (_, error::Place::Page(page)) => Some(Place::page(page)),
            (_, error::Place::Lsn(lsn)) => Some(Place::new(ScreenId::Log, At::Lsn(lsn))),
            // The tree shows the fill of its levels.
            (Self::Lint(Lint { rule: "LINT-1", .. }), _) => {
                Some(Place::new(ScreenId::Tree, At::Here))
            }
            (_, _) if self.rule().starts_with("CART-") || matches!(self, Self::Lint(_)) => {
                Some(Place::new(ScreenId::Cartridges, At::Here))
            }
            _ => None,
        }
    }

    /// What is so, in a sentence.
    pub(in crate::screens) fn what(self) -> String {
        match self {
            Self::Problem(problem) => {
                let (expected, found) = (told(&problem.expected, 200), told(&problem.found, 200));
                format!("expected {expected}, found {found}")
            }
            Self::Lint(lint) => told(&lint.found, 300),
        }
    }

    /// Glyph and role.
    pub(super) const fn mark(self) -> (&'static str, Role) {
        match self {
            Self::Problem(problem) => match problem.severity {
                Severity::Error => ("✗", Role::Bad),
                Severity::Warning => ("!", Role::Warn),
                Severity::Note => ("·", Role::Dim),
            },
            Self::Lint(_) => ("○", Role::Accent),
        }
    }

    /// All of it in a line.
    pub(super) fn line(self) -> String {
        let (kind, place, rule) = (self.kind(), self.place_in_file(), self.rule());
        format!("{kind}: {place}: {rule}: {} ({})", self.what(), name_of(self.file()))
    }

    /// It with all that helps to understand it, as names and sentences.
    pub(super) fn explained(self, context: &Context) -> Vec<(&'static str, Role, String)> {
        let printable = |text: &str| told(text, 300);
        let (place, file) = (self.place_in_file(), name_of(self.file()));
        let whereabouts =
            if place == error::Place::File { file } else { format!("{place} of {file}") };
        let first = match self {
            Self::Problem(problem) => consequence(problem.severity),
            Self::Lint(_) => "lint: no rule is broken and nothing is lost; worth knowing",
        };
        let mut lines =
            vec![("", self.mark().1, first.to_owned()), ("where", Role::Text, whereabouts)];
        lines.extend(match self {
            Self::Problem(problem) => [
                ("expected", Role::Text, printable(&problem.expected)),
                ("found", Role::Text, printable(&problem.found)),
            ],
            Self::Lint(lint) => [
                ("found", Role::Text, printable(&lint.found)),
                ("advice", Role::Text, printable(&lint.advice)),
            ],
        });
        if let Some(meaning) = rules::meaning(self.rule()) {
            lines.push((self.rule(), Role::Dim, meaning));
        }
        if let (error::Place::Page(page), Some(survey)) = (place, &context.survey) {
            let state = state_text(survey.state(page));
            lines.push(("page", Role::Dim, format!("p{page} is {state}")));
        }
        lines
    }

    /// The same as data; the file as it is shown, which may not be text.
    pub(super) fn json(self) -> Value {
        let file = self.file().as_os_str().as_encoded_bytes();
        let file = Printable::new(file).into_string();
        match self {
            Self::Problem(Problem { rule, place, severity, expected, found, .. }) => json!({
                "rule": rule, "file": file, "place": place, "severity": severity,
                "expected": expected, "found": found,
            }),
            Self::Lint(Lint { rule, place, found, advice, .. }) => json!({
                "rule": rule, "file": file, "place": place, "found": found, "advice": advice,
            }),
        }
    }
}
