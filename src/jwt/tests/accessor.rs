//! Accessors.

use super::*;

proptest! {
    #[test]
    fn accessors_print_and_parse_back(hour: u32, id: [u8; 16]) {
        let accessor = Accessor { hour, id };
        prop_assert_eq!(accessor.to_string().parse(), Ok(accessor));
        prop_assert_eq!(Accessor::from_bytes(accessor.to_bytes()), accessor);
        let sealed = postcard::to_stdvec(&accessor).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Accessor>(&sealed).unwrap(), accessor);
    }

    #[test]
    fn exactly_the_printed_forms_of_accessors_parse(text in "[0-9a-fA-Fg]{38,42}") {
        if let Ok(accessor) = text.parse::<Accessor>() {
            prop_assert_eq!(accessor.to_string(), text);
        } else {
            prop_assert!(text.len() != 40 || text.bytes().any(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        }
    }

    #[test]
    fn the_bucket_of_an_accessor_closes_after_the_end_and_within_an_hour(end: u64) {
        let end = Timestamp(end);
        let bucket_end = Accessor::new(end, [0; 16]).bucket_end();
        // At the very end of time the bucket's end saturates.
        prop_assert!(bucket_end > end || bucket_end == Timestamp(u64::MAX));
        prop_assert!(bucket_end.saturating_since(end) <= Duration::from_secs(3600));
    }

    #[test]
    fn later_ends_sort_after_earlier_ones(a: u64, b: u64, id: [u8; 16]) {
        let (a, b) = (Accessor::new(Timestamp(a), id), Accessor::new(Timestamp(b), id));
        prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
    }
}
