//! Where CIFAR lies on a disk, and what was published.
//!
//! Folders come before archives, which take longer to read.

use crate::data::{Container, Form, Layout, PublishedFile};

/// Checksum and size as in TensorFlow Datasets' `url_checksums`.
pub(super) static CIFAR10_BINARY: PublishedFile = PublishedFile {
    folder: "cifar10",
    name: "cifar-10-binary.tar.gz",
    bytes: 170_052_171,
    sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    content: None,
    urls: &["https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"],
};

/// Checksum as in Keras' `cifar10.py`.
pub(super) static CIFAR10_PYTHON: PublishedFile = PublishedFile {
    folder: "cifar10",
    name: "cifar-10-python.tar.gz",
    bytes: 170_498_071,
    sha256: "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    content: None,
    urls: &["https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"],
};

/// Checksum and size as in TensorFlow Datasets' `url_checksums`.
pub(super) static CIFAR100_BINARY: PublishedFile = PublishedFile {
    folder: "cifar100",
    name: "cifar-100-binary.tar.gz",
    bytes: 168_513_733,
    sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    content: None,
    urls: &["https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"],
};

/// Checksum as in Keras' `cifar100.py`.
pub(super) static CIFAR100_PYTHON: PublishedFile = PublishedFile {
    folder: "cifar100",
    name: "cifar-100-python.tar.gz",
    bytes: 169_001_437,
    sha256: "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    content: None,
    urls: &["https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"],
};

const BINARY10: Layout = Layout {
    form: Form::Binary,
    container: Container::Folder,
    paths: &["cifar-10-batches-bin", "cifar10/cifar-10-batches-bin"],
    train: &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"],
    test: &["test_batch.bin"],
};

const PYTHON10: Layout = Layout {
    form: Form::Python,
    container: Container::Folder,
    paths: &["cifar-10-batches-py", "cifar10/cifar-10-batches-py"],
    train: &["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"],
    test: &["test_batch"],
};

const BINARY100: Layout = Layout {
    form: Form::Binary,
    container: Container::Folder,
    paths: &["cifar-100-binary", "cifar100/cifar-100-binary"],
    train: &["train.bin"],
    test: &["test.bin"],
};

const PYTHON100: Layout = Layout {
    form: Form::Python,
    container: Container::Folder,
    paths: &["cifar-100-python", "cifar100/cifar-100-python"],
    train: &["train"],
    test: &["test"],
};

/// As in the repository `uoft-cs/cifar10` on Hugging Face, and like it for CIFAR-100.
const PARQUET: Layout = Layout {
    form: Form::Parquet,
    container: Container::Folder,
    paths: &[],
    train: &["train-*.parquet"],
    test: &["test-*.parquet"],
};

pub(super) static CIFAR10: [Layout; 5] = [
    BINARY10,
    PYTHON10,
    Layout { paths: &["cifar10/plain_text", "cifar10"], ..PARQUET },
    Layout {
        container: Container::Archive,
        paths: &["cifar10/cifar-10-binary.tar.gz", "cifar-10-binary.tar.gz"],
        ..BINARY10
    },
    Layout {
        container: Container::Archive,
        paths: &["cifar10/cifar-10-python.tar.gz", "cifar-10-python.tar.gz"],
        ..PYTHON10
    },
];

pub(super) static CIFAR100: [Layout; 5] = [
    BINARY100,
    PYTHON100,
    Layout { paths: &["cifar100/cifar100", "cifar100"], ..PARQUET },
    Layout {
        container: Container::Archive,
        paths: &["cifar100/cifar-100-binary.tar.gz", "cifar-100-binary.tar.gz"],
        ..BINARY100
    },
    Layout {
        container: Container::Archive,
        paths: &["cifar100/cifar-100-python.tar.gz", "cifar-100-python.tar.gz"],
        ..PYTHON100
    },
];
