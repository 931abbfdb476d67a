//! Every form of file: what goes in comes out, and damage is read or refused.

use polars::prelude::{DataFrame, IntoSeries, NamedFrom, ParquetWriter, Series, StructChunked};
use proptest::prelude::*;

use super::tests::{Planar, binary, fixture, planar};
use super::*;

/// A pickle as Python 2 wrote it, without the memo that nothing refers to.
fn pickled(labels_key: &str, pictures: &[Planar]) -> Vec<u8> {
    let text = |text: &str| [&[b'U', text.len() as u8], text.as_bytes()].concat();
    let data: Vec<u8> = pictures.iter().flat_map(|(_, planes)| planes.clone()).collect();
    let number = |number: usize| [&b"J"[..], &(number as i32).to_le_bytes()].concat();
    [
        b"\x80\x02}(".to_vec(),
        text(labels_key),
        b"](".to_vec(),
        pictures.iter().flat_map(|(label, _)| [b'K', *label as u8]).collect(),
        b"e".to_vec(),
        text("data"),
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R(K\x01".to_vec(),
        [number(pictures.len()), number(PICTURE), b"\x86".to_vec()].concat(),
        b"cnumpy\ndtype\nU\x02u1K\0K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89".to_vec(),
        [&b"T"[..], &(data.len() as i32).to_le_bytes(), &data].concat(),
        b"tbu.".to_vec(),
    ]
    .concat()
}

fn png(planes: &[u8]) -> Vec<u8> {
    let mut pixels = vec![0; PICTURE];
    interleave(planes, &mut pixels);
    let mut file = std::io::Cursor::new(Vec::new());
    let side = SIDE as u32;
    image::write_buffer_with_format(&mut file, &pixels, side, side, image::ColorType::Rgb8, image::ImageFormat::Png)
        .expect("memory takes all");
    file.into_inner()
}

fn in_parquet(label_column: &str, pictures: &[Planar]) -> Vec<u8> {
    let files: Vec<Vec<u8>> = pictures.iter().map(|(_, planes)| png(planes)).collect();
    let bytes = Series::new("bytes".into(), files);
    let images = StructChunked::from_series("img".into(), bytes.len(), [bytes].iter()).expect("one field");
    let labels: Vec<i64> = pictures.iter().map(|(label, _)| i64::from(*label)).collect();
    let columns = vec![images.into_series().into(), Series::new(label_column.into(), labels).into()];
    let mut frame = DataFrame::new(pictures.len(), columns).expect("columns of one length");
    let mut file = Vec::new();
    ParquetWriter::new(&mut file).finish(&mut frame).expect("memory takes all");
    file
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_pictures_or_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..7000)) {
        let whole = bytes.len() / (PICTURE + 1);
        match TEN.parse(Form::Binary, bytes.clone()) {
            Ok(pictures) => prop_assert_eq!((pictures.labels.len(), pictures.pixels.len()), (whole, whole * PICTURE)),
            Err(fault) => prop_assert!(!fault.place.is_empty()),
        }
        for (form, start) in [(Form::Python, &b""[..]), (Form::Python, b"\x80\x02}("), (Form::Parquet, b"PAR1")] {
            prop_assert!(TEN.parse(form, [start, &bytes].concat()).is_err());
        }
    }

    /// Instructions of pickles in any order.
    #[test]
    fn any_instructions_are_a_fault(
        steps in prop::collection::vec(prop::sample::select(&b"\x80\x02(NK\x88\x85\x86\x87tTUX]})aeusRbqhrj\x94\x93cx\n"[..]), 0..200),
    ) {
        prop_assert!(TEN.parse(Form::Python, [b"\x80\x02", &steps[..], b"."].concat()).is_err());
    }

    /// Some bytes of a sound file changed, and its end cut: read somehow or refused, never a panic.
    #[test]
    fn damage_is_read_or_refused(
        name in prop::sample::select(vec!["cifar10.python2", "cifar10.protocol4", "cifar10.protocol5", "cifar10.parquet"]),
        changes in prop::collection::vec((0.0f64..1., any::<u8>()), 1..4),
        kept in 0.5f64..1.5,
    ) {
        let mut bytes = fixture(name);
        for (place, value) in changes {
            let place = (place * bytes.len() as f64) as usize;
            bytes[place] = value;
        }
        bytes.truncate((kept * bytes.len() as f64) as usize);
        let form = if name.ends_with("parquet") { Form::Parquet } else { Form::Python };
        if let Ok(pictures) = TEN.parse(form, bytes) {
            prop_assert_eq!(pictures.pixels.len(), pictures.labels.len() * PICTURE);
        }
    }

    #[test]
    fn pictures_come_out_of_every_form_as_they_went_in(count in 1usize..5, seed in 0usize..1000, hundred: bool) {
        let variant = if hundred { &HUNDRED } else { &TEN };
        let pictures = planar(count, variant.class_names.len(), seed);
        let expected = variant.parse(Form::Binary, binary(&pictures, variant)).expect("records");
        prop_assert_eq!(expected.labels.len(), count);
        let python = variant.parse(Form::Python, pickled(variant.pickled_labels, &pictures)).expect("a pickle");
        prop_assert!(python == expected);
        let parquet = variant.parse(Form::Parquet, in_parquet(variant.label_columns[0], &pictures)).expect("a file");
        prop_assert!(parquet == expected);
    }
}
