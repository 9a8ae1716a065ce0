//! Bodies in chunks, each with a signature or none in front, and checksums after the last.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>

/// The body without what stands around its chunks; nothing if it is not whole.
pub fn joined(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let header = std::str::from_utf8(rest.get(..end)?).ok()?;
        let size = header.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(out);
        }
        let start = end + 2;
        out.extend_from_slice(rest.get(start..start.checked_add(size)?)?);
        rest = rest.get(start + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_what_is_cut_off_is_noticed() {
        let whole =
            b"2;chunk-signature=ab\r\nhi\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:AA==\r\n\r\n";
        assert_eq!(joined(whole).as_deref(), Some(&b"hi!"[..]));
        assert_eq!(joined(&whole[..30]), None);
        assert_eq!(joined(b"ffffffffffffffff\r\nhi\r\n"), None);
        assert_eq!(joined(b""), None);
    }
}
