import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { runtimeLibraries } from './runtime-folder.ts'

/** Whether models can be run on CUDA here, as far as files tell; this doesn't load the runtime. */
export interface CudaSupport {
  readonly kind: 'ready' | 'absent' | 'broken'
  readonly says: string
}

/** What the runtime's package fetches for CUDA, beside what it has. */
const libraries = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so']
/** There while the kernel has NVIDIA's driver. */
const driver = '/proc/driver/nvidia/version'

interface Machine {
  readonly platform: string
  has(path: string): boolean
}

const here: Machine = { platform: `${process.platform}/${process.arch}`, has: existsSync }

export const cudaSupport = ({ platform, has }: Machine = here): CudaSupport => {
  if (platform !== 'linux/x64')
    return { kind: 'absent', says: `not on ${platform}: the runtime has it for linux/x64 alone` }
  const missing = libraries.filter((library) => !has(join(runtimeLibraries(), library)))
  if (missing.length === libraries.length)
    return {
      kind: 'absent',
      says: 'not installed: models run on the CPU (the guide on serving says how to install it)',
    }
  if (missing.length > 0) return { kind: 'broken', says: `installed in part: ${missing.join(', ')} is missing` }
  if (!has(driver))
    return { kind: 'broken', says: 'its libraries are installed, but this machine has no NVIDIA driver' }
  return { kind: 'ready', says: 'its libraries are installed, and there is an NVIDIA driver' }
}
