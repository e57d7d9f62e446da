//! The rows of a model: how they are made, and whether a snapshot holds exactly them.

use northstar_engine::{Error, ReadTxn};
use std::collections::BTreeMap;

/// The rows of a state.
pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Keys of several lengths: mostly short, one empty, one as long as allowed.
pub fn key(n: u64) -> Vec<u8> {
    match n {
        3 => Vec::new(),
        5 => vec![b'L'; 4096],
        7 => [b"k07".as_slice(), &[b'x'; 600]].concat(),
        _ => format!("k{n:04}").into_bytes(),
    }
}

/// A value that no other step wrote.
pub fn value(salt: u64, n: u64, bytes: usize) -> Vec<u8> {
    let head = format!("v{salt}/{n}/");
    head.bytes().cycle().take(bytes).collect()
}

/// Whether a snapshot holds exactly these rows, read in every way there is.
pub fn same_rows(snapshot: &ReadTxn, model: &Rows) -> Result<(), String> {
    let told = |error: Error| format!("reading fails: {error}");
    if snapshot.len() != model.len() as u64 {
        return Err(format!("len() is {}, not {}", snapshot.len(), model.len()));
    }
    let mut expected = model.iter();
    for row in snapshot.iter().map_err(told)? {
        let (key, value) = row.map_err(told)?;
        match expected.next() {
            Some((k, v)) if k[..] == *key && v[..] == *value => {}
            other => return Err(row_differs("forward scan", &key, other)),
        }
    }
    if let Some((key, _)) = expected.next() {
        return Err(format!("forward scan ends before key {}", key.escape_ascii()));
    }
    let mut expected = model.iter().rev();
    for row in snapshot.iter().map_err(told)?.rev() {
        let (key, value) = row.map_err(told)?;
        match expected.next() {
            Some((k, v)) if k[..] == *key && v[..] == *value => {}
            other => return Err(row_differs("reverse scan", &key, other)),
        }
    }
    if let Some((key, _)) = expected.next() {
        return Err(format!("reverse scan ends before key {}", key.escape_ascii()));
    }
    for (key, value) in model {
        let found = snapshot.get(key).map_err(told)?;
        if found.as_deref() != Some(&value[..]) {
            return Err(format!("get({}) gives another value", short(key)));
        }
    }
    for n in 0..20 {
        let absent = format!("k{n:04}absent");
        if snapshot.get(absent.as_bytes()).map_err(told)?.is_some() {
            return Err(format!("get({absent}) finds a row"));
        }
    }
    Ok(())
}

fn row_differs(how: &str, key: &[u8], expected: Option<(&Vec<u8>, &Vec<u8>)>) -> String {
    match expected {
        None => format!("{how}: a row too many, key {}", short(key)),
        Some((k, _)) if k[..] == *key => format!("{how}: another value under {}", short(key)),
        Some((k, _)) => format!("{how}: key {} where {} belongs", short(key), short(k)),
    }
}

fn short(key: &[u8]) -> String {
    let head = key[..key.len().min(24)].escape_ascii();
    if key.len() > 24 { format!("{head}.. ({} bytes)", key.len()) } else { head.to_string() }
}
