//! `bench/results.schema.json`: generated from the types, and the judge of every file.
//!
//! Called by `store` before a write and after a read. A test holds the committed file to the types.

use crate::{
    error::{Error, Result},
    result::{RepeatFile, RunFile, SummaryFile},
};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path, sync::OnceLock};

/// The committed schema: JSON Schema 2020-12.
pub const COMMITTED: &str = include_str!("../../results.schema.json");

/// Kinds of files: the value of `kind`, and the type that describes it.
const KINDS: &[(&str, &str)] = &[
    ("repeat", "RepeatFile"),
    ("summary", "SummaryFile"),
    ("run", "RunFile"),
    ("totals", "TotalsFile"),
    ("ab", "AbFile"),
    ("peers", "PeersFile"),
];

/// Builds the schema from the types.
#[must_use]
pub fn generate() -> Value {
    #[derive(JsonSchema)]
    #[serde(untagged)]
    #[allow(dead_code, clippy::large_enum_variant)]
    enum AnyFile {
        Repeat(RepeatFile),
        Summary(SummaryFile),
        Run(RunFile),
        Totals(crate::report::TotalsFile),
        Ab(crate::ab::AbFile),
        Peers(crate::report::peers::PeersFile),
    }
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<AnyFile>();
    let mut schema = schema.to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".into(), json!("northstar benchmark results, format 0"));
        object.insert(
            "description".into(),
            json!("Every file a benchmark run writes. Generated from the types in bench/src/result.rs; see spec/bench_results_v0.md."),
        );
    }
    schema
}

/// The committed file's text for [`generate`]'s schema.
#[must_use]
pub fn generate_text() -> String {
    let mut text = serde_json::to_string_pretty(&generate()).unwrap_or_default();
    text.push('\n');
    text
}

/// Judges `document`, which is in, or about to be written to, `path`.
///
/// # Errors
/// [`Error::Schema`] with one line a problem, each naming its place in the document.
pub fn check(document: &Value, path: &Path) -> Result<()> {
    let refuse = |problems| Err(Error::Schema { path: path.to_owned(), problems });
    let Some(kind) = document.get("kind").and_then(Value::as_str) else {
        return refuse(vec!["/kind: expected the kind of file, found none".into()]);
    };
    let Some(validator) = validators().get(kind) else {
        return refuse(vec![format!("/kind: expected a known kind, found {kind:?}")]);
    };
    let format = document.get("format").and_then(Value::as_str);
    if format != Some(crate::result::FORMAT) {
        let expected = crate::result::FORMAT;
        return refuse(vec![format!("/format: expected {expected:?}, found {format:?}")]);
    }
    let problems: Vec<String> = validator
        .iter_errors(document)
        .take(20)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    if problems.is_empty() { Ok(()) } else { refuse(problems) }
}

/// One validator a kind, so that a message names a field and not "none of the variants".
fn validators() -> &'static BTreeMap<&'static str, jsonschema::Validator> {
    static VALIDATORS: OnceLock<BTreeMap<&'static str, jsonschema::Validator>> = OnceLock::new();
    VALIDATORS.get_or_init(|| {
        let committed: Value = serde_json::from_str(COMMITTED).expect("a test parses the schema");
        let definitions = committed.get("$defs").cloned().unwrap_or_default();
        let of = |name: &str| {
            let schema = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$ref": format!("#/$defs/{name}"),
                "$defs": definitions,
            });
            jsonschema::validator_for(&schema).expect("a test compiles the schema")
        };
        KINDS.iter().map(|(kind, name)| (*kind, of(name))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::store::tests::repeat_file;

    /// The committed schema is what the types say. `NORTHSTAR_BLESS=1` writes it.
    #[test]
    fn committed_schema_matches_the_types() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("results.schema.json");
        let generated = generate_text();
        if std::env::var_os("NORTHSTAR_BLESS").is_some() {
            std::fs::write(&path, &generated).expect("the schema can be written");
        }
        let committed = std::fs::read_to_string(&path).expect("the schema is there");
        assert!(committed == generated, "run with NORTHSTAR_BLESS=1 and look at the difference");
    }

    #[test]
    fn every_kind_has_a_validator() {
        assert_eq!(validators().len(), KINDS.len());
    }

    #[test]
    fn broken_files_are_refused_and_the_place_named() {
        type Damage = fn(&mut Value);
        let cases: &[(&str, Damage, &str)] = &[
            ("no kind", |v| drop(v.as_object_mut().map(|o| o.remove("kind"))), "/kind"),
            ("unknown kind", |v| v["kind"] = json!("poem"), "/kind"),
            ("later format", |v| v["format"] = json!("northstar-bench/1"), "/format"),
            ("ops as text", |v| v["measured"]["ops"] = json!("many"), "/measured/ops"),
            (
                "negative count",
                |v| v["measured"]["counters"]["fsyncs"] = json!(-1),
                "/measured/counters/fsyncs",
            ),
            ("unknown field", |v| v["measured"]["colour"] = json!(1), "/measured"),
            (
                "missing checksum",
                |v| drop(v["measured"].as_object_mut().map(|o| o.remove("checksum"))),
                "/measured",
            ),
            ("unknown class", |v| v["identity"]["class"] = json!("lucky"), "/identity/class"),
        ];
        let sound = serde_json::to_value(repeat_file(0)).expect("serialises");
        check(&sound, Path::new("r000.json")).expect("sound before the damage");
        for (name, damage, place) in cases {
            let mut document = sound.clone();
            damage(&mut document);
            let Err(Error::Schema { problems, .. }) = check(&document, Path::new("r000.json"))
            else {
                panic!("{name}: refused");
            };
            assert!(problems.iter().any(|line| line.starts_with(place)), "{name}: {problems:?}");
        }
    }
}
