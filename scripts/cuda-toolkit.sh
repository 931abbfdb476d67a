#!/usr/bin/env bash
# Puts together what `cargo build --features cuda` (or `nccl`) needs, and the libraries that the program looks for, from
# NVIDIA's packages on PyPI: for machines without an installed CUDA toolkit. Needs no GPU and no driver; about 2.5 GB.
#
#   scripts/cuda-toolkit.sh FOLDER      then: source FOLDER/env.sh
#
# A newer toolkit than the driver knows is refused by the driver: CUDA 13.0 needs driver 580 or newer.
set -euo pipefail
if [[ $# -ne 1 ]]; then
    echo "usage: scripts/cuda-toolkit.sh FOLDER" >&2
    exit 2
fi
mkdir -p "$1"
folder=$(cd "$1" && pwd)
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet \
    "cuda-toolkit[nvcc,crt,nvvm,cudart,cublas,cccl]==13.0.2" "nvidia-cudnn-cu13>=9.10,<9.22" \
    "nvidia-nccl-cu13>=2.18"
packages=$("$folder/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/nvidia
# Looked for by this name, which the package lacks.
ln -sf libnccl.so.2 "$packages/nccl/lib/libnccl.so"
cat >"$folder/env.sh" <<END
export CUDA_HOME=$packages/cu13
export PATH=\$CUDA_HOME/bin:\$PATH
export LD_LIBRARY_PATH=$packages/cu13/lib:$packages/cudnn/lib:$packages/nccl/lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
END
"$packages/cu13/bin/nvcc" --version | tail -n 2
echo "now: source $folder/env.sh"
