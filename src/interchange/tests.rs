use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::archive::Archive;
use super::state_dict::StateDict;
use super::*;
use crate::kernels::{Cpu, FeatureMap};
use crate::model::{self, Inputs, Plan};
use crate::pickle::Object;
use crate::pickle::tests::ATTACKS;
use crate::recipe;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn read(name: &str) -> Encoder {
    Encoder::read(&fixture(name)).unwrap()
}

/// Shape and values of a tensor of the oracle.
fn oracle(name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(fixture("encoder-features.safetensors")).unwrap();
    let tensors = safetensors_file::tensors(&bytes).unwrap();
    let (_, tensor) = tensors.iter().find(|(found, _)| found == name).unwrap();
    (tensor.shape.clone(), tensor.to_f32().unwrap())
}

/// Largest difference between our features and PyTorch's.
fn difference(encoder: &Encoder, name: &str) -> f32 {
    let (shape, inputs) = oracle(&format!("{name}.inputs"));
    let (_, expected) = oracle(&format!("{name}.features"));
    let reads = match shape[..] {
        [_, height, width, channels] => Inputs::Pictures(FeatureMap { height, width, channels }),
        _ => Inputs::Columns(&encoder.architecture.inputs),
    };
    let plan = Plan::encoder(&encoder.architecture.network, reads).unwrap();
    let mut network = model::Network::new(Cpu::new(2), plan, 0);
    encoder.load_into(&mut network).unwrap();
    let features = network.features(&inputs, shape[0]).unwrap();
    assert_eq!(features.len(), expected.len());
    assert!(expected.iter().any(|value| value.abs() > 0.1), "features that say something");
    features.iter().zip(&expected).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f32::max)
}

#[test]
fn features_are_those_of_pytorch() {
    for (file, name) in [
        ("encoder.pth", "resnet18"),
        ("encoder.safetensors", "resnet18"),
        ("encoder-imix.pth", "resnet18"),
        ("encoder-resnet50.pth", "resnet50"),
        ("encoder-mlp.pth", "mlp"),
    ] {
        let difference = difference(&read(file), name);
        assert!(difference <= 1e-4, "{file}: features differ by {difference}");
    }
}

#[test]
fn the_three_files_of_one_network_hold_the_same_encoder() {
    let plain = read("encoder.pth");
    let resnet18 = recipe::Network::Resnet { depth: 18, width: 2, stem: recipe::Stem::Cifar, input_channels: 3 };
    assert_eq!(plain.architecture.network, resnet18);
    assert_eq!(plain.passed_over, PassedOver::from([(Needless::Head, 2), (Needless::BatchCount, 20)]));
    assert!(plain.converted.is_empty());
    for other in ["encoder.safetensors", "encoder-imix.pth"] {
        assert_eq!(read(other).tensors, plain.tensors, "{other}");
    }
    let passed_over = read("encoder-imix.pth").passed_over;
    assert_eq!(passed_over[&Needless::Queue], 2);
    assert_eq!(passed_over[&Needless::Predictor], 2);
    assert_eq!(passed_over[&Needless::KeyEncoder], plain.tensors.len() + 20 + 2);
}

#[test]
fn other_kinds_are_converted_and_counted() {
    let resnet50 = read("encoder-resnet50.pth");
    let network = recipe::Network::Resnet { depth: 50, width: 1, stem: recipe::Stem::Imagenet, input_channels: 3 };
    assert_eq!(resnet50.architecture.network, network);
    assert_eq!(resnet50.converted.get("f16"), Some(&resnet50.tensors.len()));
    let mlp = read("encoder-mlp.pth").architecture;
    assert_eq!(mlp, Architecture { network: recipe::Network::Mlp { width: 1 }, inputs: vec![10, 4, 40] });
}

/// What is said about a file with these bytes.
fn said(bytes: &[u8]) -> String {
    Encoder::from_bytes(bytes, Path::new("x.pth")).unwrap_err().to_string()
}

#[test]
fn files_of_other_formats_are_told_apart() {
    assert!(said(&std::fs::read(fixture("encoder-legacy.pth")).unwrap()).contains("PyTorch before 1.6; convert"));
    assert!(said(b"").contains("an empty file"));
    assert!(said(b"GIF89a").contains("a safetensors file, or what torch.save writes"));
    let whole = std::fs::read(fixture("encoder.pth")).unwrap();
    assert!(said(&whole[..whole.len() / 2]).contains("copy or download it again"));
    let whole = std::fs::read(fixture("encoder.safetensors")).unwrap();
    assert!(said(&whole[..whole.len() - 1]).contains("copy or download it again"));
}

/// The oracle's plain encoder as a safetensors file, each tensor renamed, reshaped or left out.
fn changed(change: impl Fn(&str, &[usize]) -> Option<(String, Vec<usize>)>) -> Vec<u8> {
    let bytes = std::fs::read(fixture("encoder.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensors = file.tensors();
    let views = tensors.iter().filter_map(|(name, view)| {
        let (name, shape) = change(name, view.shape())?;
        Some((name, safetensors::tensor::TensorView::new(view.dtype(), shape, view.data()).unwrap()))
    });
    safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap()
}

#[test]
fn what_fits_no_architecture_is_named() {
    let same = |name: &str, shape: &[usize]| Some((name.to_owned(), shape.to_vec()));
    let without = |gone: &'static str| changed(move |name, shape| same(name, shape).filter(|_| name != gone));
    let message = said(&without("layer2.0.bn1.running_var"));
    assert!(message.contains("`layer2.0.bn1.running_var`: found no such tensor, expected shape [4]"), "{message}");
    let message = said(&without("conv1.weight"));
    assert!(message.contains("expected a ResNet, which has `conv1.weight`"), "{message}");
    let message = said(&changed(|name, shape| match name {
        "layer4.1.conv2.weight" => Some((name.to_owned(), vec![16, 16, 9, 1])),
        _ => same(name, shape),
    }));
    assert!(message.contains("found shape [16, 16, 9, 1], expected shape [16, 16, 3, 3]"), "{message}");
    let message = said(&changed(|name, shape| same(&name.replace("layer3.1", "layer3.7"), shape)));
    assert!(message.contains("stages of [2, 2, 1, 2] basic blocks"), "{message}");
    let message = said(&changed(|name, shape| match name {
        "fc.bias" => Some(("layer1.0.attention.weight".to_owned(), shape.to_vec())),
        _ => same(name, shape),
    }));
    assert!(message.contains("`layer1.0.attention.weight`: found a tensor, expected none"), "{message}");
}

/// The pickle of a file, and an archive with another in its place.
fn pickle_of(name: &str) -> Vec<u8> {
    Archive::open(&std::fs::read(fixture(name)).unwrap()).unwrap().pickle().unwrap()
}

fn with_pickle(name: &str, pickle: &[u8]) -> Vec<u8> {
    let bytes = std::fs::read(fixture(name)).unwrap();
    let mut from = ZipArchive::new(Cursor::new(&bytes)).unwrap();
    let mut to = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..from.len() {
        let mut member = from.by_index(index).unwrap();
        let name = member.name().unwrap().into_owned();
        to.start_file(&name, SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored)).unwrap();
        if name.ends_with("data.pkl") {
            to.write_all(pickle).unwrap();
        } else {
            std::io::copy(&mut member, &mut to).unwrap();
        }
    }
    to.finish().unwrap().into_inner()
}

/// A pickle in which the first place of some bytes holds others of the same length.
fn replaced(pickle: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = pickle.windows(from.len()).position(|window| window == from).expect("the bytes to replace");
    let mut changed = pickle.to_vec();
    changed[at..at + to.len()].copy_from_slice(to);
    changed
}

#[test]
fn a_tensor_outside_its_storage_is_refused() {
    let pickle = pickle_of("encoder.pth");
    assert!(Encoder::from_bytes(&with_pickle("encoder.pth", &pickle), Path::new("x")).is_ok());
    // conv1.weight is [2, 3, 3, 3] of 54 values: BININT1 2, 3, 3, 3.
    let large = replaced(&pickle, b"K\x02K\x03K\x03K\x03", b"K\xffK\xffK\xffK\xff");
    let message = said(&with_pickle("encoder.pth", &large));
    assert!(message.contains("expected a view inside its storage of 54 values"), "{message}");
    let negative = replaced(&pickle, b"K\x02K\x03K\x03K\x03", b"J\xff\xff\xff\xffK\x03N");
    let message = said(&with_pickle("encoder.pth", &negative));
    assert!(message.contains("a description without storage, size or strides"), "{message}");
}

#[test]
fn no_attack_runs_and_each_is_refused() {
    let report: String = ATTACKS
        .into_iter()
        .map(|(name, pickle)| format!("{name} -> {}\n", said(&with_pickle("encoder.pth", pickle))))
        .collect();
    insta::assert_snapshot!(report, @r#"
    REDUCE -> x.pth: found a whole object of class os.system, expected a state dict: in Python, torch.save(model.state_dict(), "encoder.pth")
    REDUCE of STACK_GLOBAL -> x.pth: found a whole object of class os.system, expected a state dict: in Python, torch.save(model.state_dict(), "encoder.pth")
    REDUCE of a name from the memo -> x.pth: found a whole object of class os.system, expected a state dict: in Python, torch.save(model.state_dict(), "encoder.pth")
    INST -> x.pth: found opcode 0x69 at byte 10 of data.pkl, expected a pickle of numbers, text, lists and arrays, as torch.save writes it
    OBJ -> x.pth: found opcode 0x6f at byte 23 of data.pkl, expected a pickle of numbers, text, lists and arrays, as torch.save writes it
    NEWOBJ -> x.pth: found a whole object of class subprocess.Popen, expected a state dict: in Python, torch.save(model.state_dict(), "encoder.pth")
    NEWOBJ_EX -> x.pth: found opcode 0x92 at byte 31 of data.pkl, expected a pickle of numbers, text, lists and arrays, as torch.save writes it
    BUILD with a __setstate__ -> x.pth: found a whole object of class code.Runner, expected a state dict: in Python, torch.save(model.state_dict(), "encoder.pth")
    EXT1 -> x.pth: found opcode 0x82 at byte 2 of data.pkl, expected a pickle of numbers, text, lists and arrays, as torch.save writes it
    PERSID -> x.pth: found opcode 0x50 at byte 0 of data.pkl, expected a pickle of numbers, text, lists and arrays, as torch.save writes it
    "#);
}

#[test]
fn a_whole_module_is_told_from_a_state_dict() {
    let pickle = b"\x80\x02ctorchvision.models.resnet\nResNet\n)\x81}b.";
    let fault = StateDict::find(&Object::read(pickle, |_, _| true).unwrap()).unwrap_err();
    assert_eq!(fault.found, "a whole object of class torchvision.models.resnet.ResNet");
    assert!(fault.expected.contains("model.state_dict()"));
}

/// Opcodes with arguments, most of them well formed.
fn opcodes() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<Vec<u8>> =
        ["(", "0", "1", "2", "N", ")", "]", "}", "t", "a", "e", "s", "u", "R", "b", "Q", ".", "K\x01"]
            .iter()
            .map(|text| text.as_bytes().to_vec())
            .chain([
                vec![0x85],
                vec![0x86],
                vec![0x87],
                vec![0x81],
                vec![0x93],
                vec![0x94],
                vec![b'q', 0],
                vec![b'h', 0],
            ])
            .chain([b"ctorch._utils\n_rebuild_tensor_v2\n".to_vec(), b"ccollections\nOrderedDict\n".to_vec()])
            .chain([
                b"X\x01\0\0\0a".to_vec(),
                b"X\x0a\0\0\0state_dict".to_vec(),
                b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f".to_vec(),
            ])
            .collect();
    let step = prop_oneof![9 => prop::sample::select(known), 1 => prop::collection::vec(any::<u8>(), 1..4)];
    prop::collection::vec(step, 0..80).prop_map(|steps| steps.concat())
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), start in 0usize..3) {
        let start: &[u8] = [&b""[..], b"PK\x03\x04", b"\x20\0\0\0\0\0\0\0{"][start];
        let _ = Encoder::from_bytes(&[start, &bytes].concat(), Path::new("x"));
    }

    #[test]
    fn no_pickle_panics(pickle in opcodes()) {
        if let Ok(object) = Object::read(&pickle, |_, _| true) {
            let _ = StateDict::find(&object);
        }
    }

    #[test]
    fn a_changed_file_is_read_or_refused(
        name in prop::sample::select(vec!["encoder.pth", "encoder.safetensors"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        kept in 0.0f64..=2.0,
    ) {
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        // Half of the changes fall where the structure is: at the front and at the end.
        for (index, (place, value)) in changes.iter().enumerate() {
            let range = if index % 2 == 0 { bytes.len() } else { 20_000 };
            let at = place.index(range);
            let at = if name == "encoder.pth" && index % 2 == 1 { bytes.len() - 1 - at } else { at };
            bytes[at] = *value;
        }
        bytes.truncate((bytes.len() as f64 * kept.min(1.0)) as usize);
        let _ = Encoder::from_bytes(&bytes, Path::new("x"));
    }

    #[test]
    fn a_changed_pickle_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut pickle = pickle_of("encoder.pth");
        for (place, value) in &changes {
            let at = place.index(pickle.len());
            pickle[at] = *value;
        }
        let _ = Encoder::from_bytes(&with_pickle("encoder.pth", &pickle), Path::new("x"));
    }
}
