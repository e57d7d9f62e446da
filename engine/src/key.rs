//! Keys as bytes: ranges that everybody needs.

/// The first key behind all keys that start with `prefix`; `None` when there is none (an empty
/// prefix, or one of `0xff` bytes only).
///
/// ```
/// use northstar_engine::key::prefix_end;
/// assert_eq!(prefix_end(b"user/"), Some(b"user0".to_vec()));
/// assert_eq!(prefix_end(&[7, 0xff]), Some(vec![8]));
/// assert_eq!(prefix_end(&[0xff]), None);
/// ```
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}
