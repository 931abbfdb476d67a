//! Encoders for detectron2, as MoCo's `convert-pretrain-to-detectron2.py` writes them: a pickle of a dictionary with the
//! tensors under detectron2's names.

use safetensors::tensor::{Dtype, SafeTensors};
use thiserror::Error;

use crate::recipe::{Network, Stem};

/// Why an encoder cannot be written for detectron2.
#[derive(Debug, Error, PartialEq)]
pub enum Detectron2Error {
    #[error(
        "detectron2 has no such network: expected a ResNet with the ImageNet stem and 3 channels, found {found}; \
         `--format safetensors` takes any"
    )]
    Network { found: String },
    #[error("tensor `{name}`: {found}")]
    Tensor { name: String, found: String },
}

/// The pickle of an encoder whose tensors are in a safetensors file under torchvision's names.
///
/// # Errors
/// A network that detectron2 has not, a file that is no safetensors file.
pub fn detectron2(network: &Network, encoder: &[u8]) -> Result<Vec<u8>, Detectron2Error> {
    let Network::Resnet { stem: Stem::Imagenet, input_channels: 3, .. } = network else {
        return Err(Detectron2Error::Network { found: described(network) });
    };
    let damaged = |name: &str, found: String| Detectron2Error::Tensor { name: name.to_owned(), found };
    let tensors = SafeTensors::deserialize(encoder).map_err(|error| damaged("", error.to_string()))?;
    let mut named: Vec<_> = tensors.tensors().into_iter().filter(|(_, tensor)| tensor.dtype() == Dtype::F32).collect();
    named.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut pickle = Pickle::new();
    pickle.open_dict();
    pickle.text("model");
    pickle.open_dict();
    for (name, tensor) in named {
        pickle.text(&translated(&name));
        pickle
            .array(tensor.shape(), tensor.data())
            .ok_or_else(|| damaged(&name, format!("shape {:?} is too large for a pickle", tensor.shape())))?;
    }
    pickle.close_dict();
    pickle.text("__author__");
    pickle.text("MOCO");
    // Has detectron2 look for each tensor's place by the end of its name.
    pickle.text("matching_heuristics");
    pickle.push(&[NEW_TRUE]);
    pickle.close_dict();
    Ok(pickle.stop())
}

/// Whether MoCo's configuration for detection takes all of the encoder. Detectron2 skips tensors of other shapes than its
/// own and begins those at random.
pub fn fits_configuration(network: &Network) -> bool {
    matches!(network, Network::Resnet { depth: 50, width: 64, .. })
}

fn described(network: &Network) -> String {
    match network {
        Network::Mlp { .. } => "an MLP".to_owned(),
        Network::Resnet { stem: Stem::Cifar, .. } => "one with the CIFAR stem".to_owned(),
        Network::Resnet { input_channels, .. } => format!("one of {input_channels} channels"),
    }
}

/// detectron2's name of a tensor: `layer1.0.bn2.weight` is `res2.0.conv2.norm.weight`, `bn1.bias` is
/// `stem.conv1.norm.bias`.
fn translated(name: &str) -> String {
    let (stage, rest) = match name.strip_prefix("layer").and_then(|rest| rest.split_once('.')) {
        Some((stage, rest)) => (format!("res{}", stage.parse::<usize>().map_or(0, |stage| stage + 1)), rest),
        None => ("stem".to_owned(), name),
    };
    let parts = rest.split('.').collect::<Vec<_>>();
    let mut translated = vec![stage];
    let mut parts = parts.into_iter().peekable();
    while let Some(part) = parts.next() {
        match (part, part.strip_prefix("bn")) {
            ("downsample", _) => {
                translated.push("shortcut".to_owned());
                if parts.next() == Some("1") {
                    translated.push("norm".to_owned());
                }
            }
            (_, Some(number)) => translated.extend([format!("conv{number}"), "norm".to_owned()]),
            _ => translated.push(part.to_owned()),
        }
    }
    translated.join(".")
}

const PROTOCOL: [u8; 2] = [0x80, 3];
const MARK: u8 = b'(';
const EMPTY_DICT: u8 = b'}';
const SET_ITEMS: u8 = b'u';
const UNICODE: u8 = b'X';
const BYTES: u8 = b'B';
const INT: u8 = b'J';
const GLOBAL: u8 = b'c';
const TUPLE: u8 = b't';
const TUPLE_OF_1: u8 = 0x85;
const TUPLE_OF_3: u8 = 0x87;
const REDUCE: u8 = b'R';
const NEW_TRUE: u8 = 0x88;
const STOP: u8 = b'.';

/// A pickle under way, of protocol 3: the first that has bytes.
struct Pickle(Vec<u8>);

impl Pickle {
    fn new() -> Pickle {
        Pickle(PROTOCOL.to_vec())
    }

    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn open_dict(&mut self) {
        self.push(&[EMPTY_DICT, MARK]);
    }

    fn close_dict(&mut self) {
        self.push(&[SET_ITEMS]);
    }

    /// Names are short: their length fits 32 bits.
    fn text(&mut self, text: &str) {
        self.push(&[UNICODE]);
        self.push(&(text.len() as u32).to_le_bytes());
        self.push(text.as_bytes());
    }

    fn global(&mut self, module: &str, name: &str) {
        self.push(&[GLOBAL]);
        self.push(format!("{module}\n{name}\n").as_bytes());
    }

    /// `numpy.ndarray(shape, "<f4", bytearray(data))`, an array that can be written to; none if a length does not fit.
    fn array(&mut self, shape: &[usize], data: &[u8]) -> Option<()> {
        self.global("numpy", "ndarray");
        self.push(&[MARK]);
        for length in shape {
            self.push(&[INT]);
            self.push(&i32::try_from(*length).ok()?.to_le_bytes());
        }
        self.push(&[TUPLE]);
        self.text("<f4");
        self.global("builtins", "bytearray");
        self.push(&[BYTES]);
        self.push(&u32::try_from(data.len()).ok()?.to_le_bytes());
        self.push(data);
        self.push(&[TUPLE_OF_1, REDUCE, TUPLE_OF_3, REDUCE]);
        Some(())
    }

    fn stop(mut self) -> Vec<u8> {
        self.push(&[STOP]);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;
    use crate::pickle::{Object, Value};

    const RESNET: Network = Network::Resnet { depth: 50, width: 64, stem: Stem::Imagenet, input_channels: 3 };

    /// Names that MoCo's `convert-pretrain-to-detectron2.py` gives.
    #[test]
    fn tensors_have_detectron2s_names() {
        for (ours, theirs) in [
            ("conv1.weight", "stem.conv1.weight"),
            ("bn1.running_var", "stem.conv1.norm.running_var"),
            ("layer1.0.conv3.weight", "res2.0.conv3.weight"),
            ("layer1.0.bn3.bias", "res2.0.conv3.norm.bias"),
            ("layer3.22.bn1.running_mean", "res4.22.conv1.norm.running_mean"),
            ("layer4.0.downsample.0.weight", "res5.0.shortcut.weight"),
            ("layer4.0.downsample.1.weight", "res5.0.shortcut.norm.weight"),
        ] {
            assert_eq!(translated(ours), theirs);
        }
    }

    #[test]
    fn the_pickle_is_a_dictionary_of_arrays() {
        let values: Vec<u8> = [1.5f32, -2.0, 3.25].iter().flat_map(|value| value.to_le_bytes()).collect();
        let count = 0i64.to_le_bytes();
        let tensors = [
            ("bn1.weight", TensorView::new(Dtype::F32, vec![3], &values).unwrap()),
            ("conv1.weight", TensorView::new(Dtype::F32, vec![3, 1, 1, 1], &values).unwrap()),
            ("bn1.num_batches_tracked", TensorView::new(Dtype::I64, Vec::new(), &count).unwrap()),
        ];
        let pickle = detectron2(&RESNET, &safetensors::serialize(tensors, None).unwrap()).unwrap();
        let known =
            |module: &str, name: &str| matches!((module, name), ("numpy", "ndarray") | ("builtins", "bytearray"));
        let object = Object::read(&pickle, known).unwrap();
        let Value::Dict(entries) = object.top() else { panic!("expected a dictionary") };
        let keys: Vec<&Value> = entries.iter().map(|(key, _)| object.get(*key)).collect();
        assert_eq!(keys, [&Value::Text("model"), &Value::Text("__author__"), &Value::Text("matching_heuristics")]);
        assert_eq!(object.get(entries[1].1), &Value::Text("MOCO"));
        let Value::Dict(model) = object.get(entries[0].1) else { panic!("expected a dictionary") };
        let keys: Vec<&Value> = model.iter().map(|(key, _)| object.get(*key)).collect();
        assert_eq!(keys, [&Value::Text("stem.conv1.norm.weight"), &Value::Text("stem.conv1.weight")]);
        let Value::Call { callable, arguments, .. } = object.get(model[1].1) else { panic!("expected a call") };
        assert_eq!(object.get(*callable), &Value::Global("numpy", "ndarray"));
        let Value::Tuple(arguments) = object.get(*arguments) else { panic!("expected arguments") };
        let Value::Tuple(shape) = object.get(arguments[0]) else { panic!("expected a shape") };
        let shape: Vec<&Value> = shape.iter().map(|length| object.get(*length)).collect();
        assert_eq!(shape, [&Value::Int(3), &Value::Int(1), &Value::Int(1), &Value::Int(1)]);
        assert_eq!(object.get(arguments[1]), &Value::Text("<f4"));
        assert!(pickle.windows(values.len()).any(|bytes| bytes == values), "the values as they are");
    }

    #[test]
    fn the_configuration_of_moco_is_a_resnet_50_of_width_64() {
        assert!(fits_configuration(&RESNET));
        for (depth, width) in [(18, 64), (50, 32)] {
            let other = Network::Resnet { depth, width, stem: Stem::Imagenet, input_channels: 3 };
            assert!(!fits_configuration(&other));
        }
    }

    #[test]
    fn other_networks_are_refused() {
        let refused = |network| detectron2(&network, &[]).unwrap_err().to_string();
        let resnet = |stem, input_channels| Network::Resnet { depth: 18, width: 64, stem, input_channels };
        let all =
            [refused(Network::Mlp { width: 64 }), refused(resnet(Stem::Cifar, 3)), refused(resnet(Stem::Imagenet, 1))];
        insta::assert_snapshot!(all.join("\n"), @r"
        detectron2 has no such network: expected a ResNet with the ImageNet stem and 3 channels, found an MLP; `--format safetensors` takes any
        detectron2 has no such network: expected a ResNet with the ImageNet stem and 3 channels, found one with the CIFAR stem; `--format safetensors` takes any
        detectron2 has no such network: expected a ResNet with the ImageNet stem and 3 channels, found one of 1 channels; `--format safetensors` takes any
        ");
    }
}
