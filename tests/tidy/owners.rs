//! Every byte of a real database, page by page and record by record: in one field or in one named gap, and
//! each field leads to a heading of the specification that exists.

use northstar_engine::Lsn;
use northstar_engine::inspect::{self, FieldView, Gap, Source, log};
use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;

/// The golden database: every kind of page, and a log.
const DATABASE: &str = "goldens/format/v0/small.ns";

/// What stands where, and the anchors that were met.
#[derive(Default)]
struct Seen {
    bytes: usize,
    fields: usize,
    gaps: usize,
    anchors: BTreeSet<&'static str>,
}

impl Seen {
    fn look(&mut self, name: &str, bytes: usize, fields: &[FieldView], gaps: &[Gap]) {
        let mut ranges: Vec<Range<usize>> = gaps.iter().map(|gap| gap.range.clone()).collect();
        assert!(gaps.iter().all(|gap| !gap.name.is_empty()), "{name}: a gap without a name");
        self.gaps += gaps.len();
        for field in fields {
            field.visit(&mut |field| {
                assert!(!field.name.is_empty() && !field.anchor.is_empty(), "{name}: {field:?}");
                self.anchors.insert(field.anchor);
                if field.children.is_empty() {
                    self.fields += 1;
                    ranges.push(field.range.clone());
                }
            });
        }
        ranges.sort_by_key(|range| range.start);
        let mut at = 0;
        for range in ranges.iter().filter(|range| !range.is_empty()) {
            assert_eq!(range.start, at, "{name}: a byte with no owner, or with two");
            at = range.end;
        }
        assert_eq!(at, bytes, "{name}: bytes at the end have no owner");
        self.bytes += bytes;
    }
}

/// The headings of a document as anchors.
fn slugs(document: &str) -> BTreeSet<String> {
    let path = super::repository().join("spec").join(format!("{document}.md"));
    let text = fs::read_to_string(path).expect("a readable document");
    let titles = text.lines().filter_map(|line| {
        let title = line.trim_start_matches('#');
        (title.len() < line.len()).then(|| title.trim().to_lowercase().replace(' ', "-"))
    });
    titles.collect()
}

#[test]
fn every_byte_of_a_database_has_one_owner_that_the_specification_explains() {
    let path = super::repository().join(DATABASE);
    let source = Source::open(&path).expect("the golden opens");
    let mut seen = Seen::default();
    for (id, page) in fs::read(&path).expect("the golden is read").chunks(16384).enumerate() {
        let view = inspect::page(page, northstar_engine::PageId::new(id as u64), source.uuid());
        seen.look(&format!("page {id}"), page.len(), &view.fields, &view.gaps);
    }
    let segments = log::segments(&source).expect("the log is there");
    let found = log::records(&source, &segments, Lsn::new(0), usize::MAX).expect("records");
    assert!(!found.records.is_empty(), "the log has records");
    for record in &found.records {
        let detail = log::record(&source, &segments, record.lsn).expect("a record");
        let detail = detail.expect("a record");
        seen.look(
            &format!("record {}", record.lsn),
            detail.bytes.len(),
            &detail.fields,
            &detail.gaps,
        );
    }
    assert!(seen.fields > 200 && seen.gaps > 10, "{} fields, {} gaps", seen.fields, seen.gaps);
    for anchor in &seen.anchors {
        let (document, heading) = anchor.split_once('#').expect("document#heading");
        assert!(slugs(document).contains(heading), "no heading #{heading} in {document}.md");
    }
    let Seen { bytes, fields, gaps, anchors } = seen;
    println!("{bytes} bytes: {fields} fields, {gaps} gaps, {} anchors", anchors.len());
}
