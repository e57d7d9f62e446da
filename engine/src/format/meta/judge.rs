//! The choice between the two meta slots, with a trace that tells why.
//!
//! Called by recovery, by the checker and by the workbench's metas screen: one function, so that
//! what is shown is what happens. Keeps META-9 to META-11; crash rule 1.

use super::{Meta, SLOT_RULES};
use crate::error::Corrupt;
use crate::ids::PageId;
use serde::Serialize;

/// How one rule came out for one slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum StepResult {
    /// It holds; what was found.
    Holds {
        /// What was found.
        found: String,
    },
    /// It is broken: the slot is out.
    Broken {
        /// What the rule asks for.
        expected: String,
        /// What there is.
        found: String,
    },
    /// An earlier rule was broken, so this one was not asked.
    NotReached,
}

impl StepResult {
    /// Whether the rule was asked and holds.
    pub const fn holds(&self) -> bool {
        matches!(self, Self::Holds { .. })
    }
}

/// One rule and how it came out for slots A and B.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Id of the rule in `spec/invariants.md`.
    pub rule: &'static str,
    /// Its name in a table.
    pub name: &'static str,
    /// Slot A, slot B.
    pub slots: [StepResult; 2],
}

/// Which slot was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotChoice {
    /// Page 0.
    A,
    /// Page 1.
    B,
}

impl SlotChoice {
    /// 0 for A, 1 for B.
    pub const fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }

    /// The other slot.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// `A` or `B`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
        }
    }
}

/// The judgement of a file's two meta slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What each slot says, or the first rule it breaks. A slot whose root does not check out is
    /// an error here too.
    pub slots: [Result<Meta, Corrupt>; 2],
    /// Every rule with its result for both slots, in the order they were asked.
    pub steps: Vec<Step>,
    /// The slot recovery starts from; `None` when neither will do.
    pub chosen: Option<SlotChoice>,
    /// Why, in a sentence.
    pub reason: String,
}

impl Judgement {
    /// The chosen meta.
    pub fn meta(&self) -> Option<&Meta> {
        self.chosen.and_then(|choice| self.slot(choice))
    }

    /// The valid slot that was not chosen, if there is one: recovery falls back to it.
    pub fn other(&self) -> Option<&Meta> {
        self.chosen.and_then(|choice| self.slot(choice.other()))
    }

    /// What one slot says, when it is valid.
    pub fn slot(&self, choice: SlotChoice) -> Option<&Meta> {
        self.slots.get(choice.index()).and_then(|slot| slot.as_ref().ok())
    }

    /// What is wrong with one slot.
    pub fn problem(&self, choice: SlotChoice) -> Option<&Corrupt> {
        self.slots.get(choice.index()).and_then(|slot| slot.as_ref().err())
    }
}

/// Judges both slots, each alone, and chooses the valid one with the highest sequence.
///
/// `slots` are the bytes of pages 0 and 1 (shorter when the file is). `check_root` reads the root
/// page that a slot names and says whether it is the page meant; it is asked for each slot that is
/// valid by itself, never for an empty tree.
pub fn judge(
    slots: [&[u8]; 2],
    check_root: &mut dyn FnMut(&Meta) -> Result<(), Corrupt>,
) -> Judgement {
    let [(slot_a, steps_a), (slot_b, steps_b)] =
        [(slots[0], 0), (slots[1], 1)].map(|(bytes, id)| judge_slot(bytes, id, check_root));
    let mut steps: Vec<Step> = SLOT_RULES
        .iter()
        .map(|rule| (rule.id, rule.name))
        .chain([("META-9", "root checks out")])
        .zip(steps_a.into_iter().zip(steps_b))
        .map(|((rule, name), (a, b))| Step { rule, name, slots: [a, b] })
        .collect();
    let (chosen, reason, last) = choose(&slot_a, &slot_b);
    steps.push(last);
    Judgement { slots: [slot_a, slot_b], steps, chosen, reason }
}

/// One slot by every rule; after the first broken one the rest is not reached.
fn judge_slot(
    bytes: &[u8],
    slot: u64,
    check_root: &mut dyn FnMut(&Meta) -> Result<(), Corrupt>,
) -> (Result<Meta, Corrupt>, Vec<StepResult>) {
    let id = PageId::new(slot);
    let mut results = Vec::with_capacity(SLOT_RULES.len().saturating_add(1));
    let mut broken = false;
    for rule in &SLOT_RULES {
        if broken {
            results.push(StepResult::NotReached);
            continue;
        }
        match Meta::check_slot_rule(rule.id, bytes, id) {
            Ok(found) => results.push(StepResult::Holds { found }),
            Err((expected, found)) => {
                broken = true;
                results.push(StepResult::Broken { expected, found });
            }
        }
    }
    let meta = Meta::decode_slot(bytes, slot);
    let meta = match meta {
        Err(corrupt) => {
            results.push(StepResult::NotReached);
            Err(corrupt)
        }
        Ok(meta) if meta.root.is_null() => {
            results.push(StepResult::Holds { found: "empty tree".to_owned() });
            Ok(meta)
        }
        Ok(meta) => match check_root(&meta) {
            Ok(()) => {
                results.push(StepResult::Holds { found: format!("{:?}", meta.root) });
                Ok(meta)
            }
            Err(corrupt) => {
                results.push(StepResult::Broken {
                    expected: corrupt.expected.clone(),
                    found: corrupt.found.clone(),
                });
                let expected =
                    format!("root {:?}: {} ({})", meta.root, corrupt.expected, corrupt.rule);
                Err(Corrupt::page(id, "META-9", expected, corrupt.found))
            }
        },
    };
    (meta, results)
}

/// META-10 and META-11: one file, and the highest sequence wins.
fn choose(
    a: &Result<Meta, Corrupt>,
    b: &Result<Meta, Corrupt>,
) -> (Option<SlotChoice>, String, Step) {
    let step = |a, b| Step { rule: "META-11", name: "highest valid sequence", slots: [a, b] };
    let holds = |meta: &Meta| StepResult::Holds { found: meta.sequence.to_string() };
    match (a, b) {
        (Err(a), Err(b)) => (
            None,
            format!("neither slot is valid: A {a}; B {b}"),
            step(StepResult::NotReached, StepResult::NotReached),
        ),
        (Ok(meta), Err(other)) => (
            Some(SlotChoice::A),
            format!("only A is valid; B breaks {}", other.rule),
            step(holds(meta), StepResult::NotReached),
        ),
        (Err(other), Ok(meta)) => (
            Some(SlotChoice::B),
            format!("only B is valid; A breaks {}", other.rule),
            step(StepResult::NotReached, holds(meta)),
        ),
        (Ok(a), Ok(b)) if a.uuid != b.uuid => {
            let broken = |own: &Meta, other: &Meta| StepResult::Broken {
                expected: format!("file {}", other.uuid),
                found: format!("file {}", own.uuid),
            };
            (
                None,
                format!("the slots are of two files: A {}, B {}", a.uuid, b.uuid),
                Step {
                    rule: "META-10",
                    name: "slots of one file",
                    slots: [broken(a, b), broken(b, a)],
                },
            )
        }
        (Ok(a), Ok(b)) => {
            let lower = |own: &Meta, other: &Meta| StepResult::Broken {
                expected: format!("above {}", other.sequence),
                found: own.sequence.to_string(),
            };
            // The slots' sequences differ in their lowest bit (META-6), so they are never equal.
            if a.sequence > b.sequence {
                let reason = format!("A: sequence {} is above {}", a.sequence, b.sequence);
                (Some(SlotChoice::A), reason, step(holds(a), lower(b, a)))
            } else {
                let reason = format!("B: sequence {} is above {}", b.sequence, a.sequence);
                (Some(SlotChoice::B), reason, step(lower(a, b), holds(b)))
            }
        }
    }
}
