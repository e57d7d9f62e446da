//! The trees there are: the one that recovery opens, those of other states, and choices among them.

use crate::model::tree::Versions;
use crate::place::{At, Place};
use crate::screens::{Context, Effect, ScreenId};
use northstar_engine::inspect::tree::Root;
use northstar_engine::printable::Printable;

/// The root that recovery would open.
pub(in crate::screens) fn chosen_root(context: &Context) -> Option<Root> {
    let metas = context.summary.metas.as_ref()?;
    let chosen = metas.chosen?;
    metas.slots.get(chosen.index())?.root
}

/// The states that have pages of their own, newest first.
pub(in crate::screens) fn roots(context: &Context) -> Vec<Root> {
    let mut roots: Vec<Root> = match &context.survey {
        Some(survey) => survey.roots.clone(),
        None => chosen_root(context).into_iter().collect(),
    };
    roots.sort_by_key(|root| std::cmp::Reverse(root.txn_id));
    roots.dedup_by_key(|root| root.txn_id);
    roots
}

/// A choice of states for a screen.
pub(super) fn state_menu(screen: ScreenId, context: &Context) -> Effect {
    let items = roots(context)
        .into_iter()
        .map(|root| {
            let rows = crate::widgets::text::count(root.key_count);
            let text = format!("txn {}  root p{}  {rows} rows", root.txn_id, root.pointer.page);
            (text, Place::new(screen, At::Txn(root.txn_id)))
        })
        .collect();
    Effect::Menu { title: "states with pages of their own".to_owned(), items }
}

/// A choice of the states of a key.
pub(super) fn versions_menu(found: &Versions) -> Effect {
    let mut items = Vec::new();
    for (at, version) in found.versions.iter().enumerate() {
        let value = match version.bytes {
            Some(bytes) => format!("a value of {bytes} bytes in p{}", version.leaf),
            None => format!("not there (p{})", version.leaf),
        };
        let older = found.versions.get(at + 1);
        let same = older.is_some_and(|older| older.leaf == version.leaf);
        let mark = if same { "  the same leaf as before" } else { "" };
        let place = Place::new(ScreenId::Tree, At::Txn(version.txn));
        items.push((format!("txn {}  {value}{mark}", version.txn), place));
    }
    let key = Printable::capped(&found.key, 30);
    Effect::Menu { title: format!("\"{}\" in each state", key.as_str()), items }
}
