//! Copying through the terminal itself (OSC 52), which works over SSH too.

/// Longest text that is sent: terminals drop more.
pub const COPY_BYTES_MAX: usize = 74_000;

/// The escape sequence that puts `text` on the clipboard.
pub fn osc52(text: &str) -> Vec<u8> {
    let mut out = b"\x1b]52;c;".to_vec();
    out.extend_from_slice(base64(text.as_bytes()).as_bytes());
    out.extend_from_slice(b"\x1b\\");
    out
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut wide = [0_u8; 4];
        for (at, byte) in chunk.iter().enumerate() {
            wide[at + 1] = *byte;
        }
        let word = u32::from_be_bytes(wide);
        for digit in 0..4 {
            if digit <= chunk.len() {
                let index = (word >> (18 - 6 * digit)) & 63;
                out.push(char::from(DIGITS[index as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_rfc_4648() {
        let cases = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (text, want) in cases {
            assert_eq!(base64(text.as_bytes()), want, "{text}");
        }
        assert_eq!(osc52("f"), b"\x1b]52;c;Zg==\x1b\\");
    }
}
