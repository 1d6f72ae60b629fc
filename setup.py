"""Packaging of grustab. Exact versions are in requirements.txt; these are the ranges."""

from setuptools import find_packages, setup

setup(
    name="grustab",
    version="0.1.0",
    description=(
        "Reproduction of 'Preventing Gradient Explosions in Gated Recurrent Units' (NIPS 2017)"
    ),
    license="MIT",
    python_requires=">=3.11",
    # experiments/ is left out on purpose: `python -m experiments` runs from the repository
    # root and needs its configs, and the name is too general to put into site-packages.
    packages=find_packages(include=["grustab", "grustab.*"]),
    install_requires=[
        "chainer>=7.8.1,<8",
        "fbpca>=1.0,<2",
        "numpy>=1.26,<3",
        "pooch>=1.8",
        "requests>=2.31",
        "scipy>=1.11.4",
        "tqdm>=4.66",
    ],
    extras_require={
        # [ctk] brings the CUDA libraries as wheels, so that only the driver must be there.
        # CuPy 14 has no cuDNN bindings; Chainer then takes its own kernels.
        "cuda12x": ["cupy-cuda12x[ctk]>=14,<15"],
        "cuda13x": ["cupy-cuda13x[ctk]>=14,<15"],
        "experiments": [
            "markdown>=3.4",
            "matplotlib>=3.8",
            "pillow>=10",
            "pydantic>=2.5,<3",
            "ruamel.yaml>=0.18",
            "threadpoolctl>=3.2",
        ],
        # sweep --scheduler
        "cluster": ["distributed>=2024.1"],
        "dev": ["hypothesis>=6.100", "pytest>=8", "pytest-xdist>=3.5", "ruff>=0.6"],
    },
)
