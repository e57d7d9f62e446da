//! Operations: round trips, damage, limits.

use super::*;
use proptest::prelude::*;

fn encode(ops: &[Op<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for op in ops {
        let before = out.len();
        op.encode(&mut out);
        assert_eq!(out.len() - before, op.encoded_bytes(), "{op:?}");
    }
    out
}

fn decode(bytes: &[u8], count: u64) -> Result<Vec<Op<'_>>, Corrupt> {
    OpReader::new(bytes, count, Lsn::new(8)).collect()
}

#[test]
fn limits_are_inclusive() {
    let (key, bound) = (vec![7; KEY_BYTES_MAX], vec![7; BOUND_BYTES_MAX]);
    let cases: &[(&str, Op<'_>)] = &[
        ("empty put", Op::Put { key: b"", value: b"" }),
        ("longest key", Op::Put { key: &key, value: b"v" }),
        ("del of the longest key", Op::Del { key: &key }),
        ("unbounded range", Op::DelRange { start: b"", end: None, count: u64::MAX }),
        ("empty end", Op::DelRange { start: b"", end: Some(b""), count: 0 }),
        ("longest bounds", Op::DelRange { start: &bound, end: Some(&bound), count: 1 }),
    ];
    for (name, op) in cases {
        assert_eq!(decode(&encode(&[*op]), 1), Ok(vec![*op]), "{name}");
    }
}

#[test]
fn damage_is_refused() {
    let sound = encode(&[Op::Del { key: b"key" }]);
    type Case = (&'static str, u64, fn(&mut Vec<u8>));
    let cases: &[Case] = &[
        ("unknown type", 1, |b| b[0] = 3),
        ("unknown flag", 1, |b| b[1] = 2),
        ("range flag on a del", 1, |b| b[1] = FLAG_UNBOUNDED),
        ("key longer than the payload", 1, |b| b[2] = 4),
        ("del with a value", 1, |b| b[2..8].copy_from_slice(&[2, 0, 1, 0, 0, 0])),
        ("put over the value limit", 1, |b| b[4..8].copy_from_slice(&[0xff; 4])),
        ("key over the limit", 1, |b| {
            b[2..4].copy_from_slice(&4097_u16.to_le_bytes());
            b.resize(8 + 4097, 0);
        }),
        ("fewer operations than bytes", 0, |_| ()),
        ("more operations than bytes", 2, |_| ()),
        ("a count no memory holds", u64::MAX, |_| ()),
        ("range without its count", 1, |b| b[0] = OP_DEL_RANGE),
    ];
    assert!(decode(&sound, 1).is_ok(), "sound before the damage");
    for (name, count, damage) in cases {
        let mut bytes = sound.clone();
        damage(&mut bytes);
        let found = decode(&bytes, *count).expect_err(name);
        assert_eq!((found.rule, found.place), ("LOG-12", Place::Lsn(Lsn::new(8))), "{name}");
    }
}

#[test]
fn nothing_follows_an_error() {
    let mut bytes = encode(&[Op::Del { key: b"a" }, Op::Del { key: b"b" }]);
    bytes[0] = 9;
    let mut reader = OpReader::new(&bytes, 2, Lsn::default());
    assert!(reader.next().is_some_and(|op| op.is_err()));
    assert!(reader.next().is_none());
}

#[derive(Clone, Debug)]
enum Owned {
    Put(Vec<u8>, Vec<u8>),
    Del(Vec<u8>),
    DelRange(Vec<u8>, Option<Vec<u8>>, u64),
}

impl Owned {
    fn op(&self) -> Op<'_> {
        match self {
            Self::Put(key, value) => Op::Put { key, value },
            Self::Del(key) => Op::Del { key },
            Self::DelRange(start, end, count) => {
                Op::DelRange { start, end: end.as_deref(), count: *count }
            }
        }
    }
}

fn any_op() -> impl Strategy<Value = Owned> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        (bytes(), bytes()).prop_map(|(key, value)| Owned::Put(key, value)),
        bytes().prop_map(Owned::Del),
        (bytes(), proptest::option::of(bytes()), any::<u64>())
            .prop_map(|(start, end, count)| Owned::DelRange(start, end, count)),
    ]
}

proptest! {
    #[test]
    fn round_trip(owned in proptest::collection::vec(any_op(), 0..20)) {
        let ops: Vec<_> = owned.iter().map(Owned::op).collect();
        let bytes = encode(&ops);
        prop_assert_eq!(decode(&bytes, ops.len() as u64), Ok(ops));
    }

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), count: u64) {
        decode(&bytes, count % 50).ok();
        decode(&bytes, count).ok();
    }

    #[test]
    fn what_decodes_encodes_to_the_same(
        bytes in proptest::collection::vec(0_u8..4, 0..60),
        count in 0_u64..6,
    ) {
        if let Ok(ops) = decode(&bytes, count) {
            prop_assert_eq!(encode(&ops), bytes);
        }
    }
}
