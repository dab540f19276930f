//! What computes a fit, chosen when the program runs.

use anyhow::ensure;
use burn::tensor::{Device, FloatDType};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Where tensors live. All but the first must be built in, with the Cargo feature of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The CPU.
    Flex,
    /// A GPU through whatever `wgpu` finds.
    Wgpu,
    /// A GPU through Vulkan.
    Vulkan,
    /// An NVIDIA GPU.
    Cuda,
}

impl Backend {
    /// The device, without gradients.
    ///
    /// # Errors
    /// A backend that is not built in, or one without bfloat16 when that is wanted.
    pub fn open(self, bf16: bool) -> anyhow::Result<Device> {
        let device = match self {
            Self::Flex => Device::flex(),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Device::vulkan(burn::tensor::DeviceKind::DefaultDevice),
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::cuda(0),
            #[cfg(not(all(feature = "wgpu", feature = "vulkan", feature = "cuda")))]
            other => {
                let name = format!("{other:?}").to_lowercase();
                anyhow::bail!("this program was built without {name}: cargo build --release --features {name}")
            }
        };
        ensure!(!bf16 || device.supports_dtype(FloatDType::BF16), "the {self:?} device has no bfloat16");
        Ok(device)
    }
}
