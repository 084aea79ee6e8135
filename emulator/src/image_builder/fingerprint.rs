//! Which number or id is always the same for the same texts?

/// A number in the form of a UUID.
pub(crate) fn uuid(number: u128) -> String {
    let hex = format!("{number:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// A number that is always the same for the same texts (FNV-1a).
pub(crate) fn fingerprint(texts: &[&str]) -> u128 {
    texts.iter().flat_map(|text| text.bytes().chain([0])).fold(
        0x6c62_272e_07bb_0142_62b8_2175_6295_c58d,
        |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        },
    )
}

/// An id as EC2 gives them, such as `ami-0123456789abcdef0`.
pub(crate) fn ec2_id(prefix: &str, seed: &str) -> String {
    format!("{prefix}-{:017x}", fingerprint(&[prefix, seed]) & 0xf_ffff_ffff_ffff_ffff)
}
