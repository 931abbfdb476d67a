//! CIFAR-10 and CIFAR-100: what was published.

use crate::recipe::DataSet;

use super::Descriptor;

const LICENCE: &str = "none stated";
const ATTRIBUTION: &str =
    "Krizhevsky, Alex (2009). Learning Multiple Layers of Features from Tiny Images. University of Toronto.";

pub(super) static CIFAR10: Descriptor = Descriptor::new(DataSet::Cifar10, Some((50_000, 10_000)), LICENCE, ATTRIBUTION);

pub(super) static CIFAR100: Descriptor =
    Descriptor::new(DataSet::Cifar100, Some((50_000, 10_000)), LICENCE, ATTRIBUTION);
