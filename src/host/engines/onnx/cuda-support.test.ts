import { basename } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cudaSupport } from './cuda-support.ts'

const on = (platform: string, ...files: string[]) =>
  cudaSupport({ platform, has: (path) => files.includes(path) || files.includes(basename(path)) })

const shared = 'libonnxruntime_providers_shared.so'
const cuda = 'libonnxruntime_providers_cuda.so'

describe('whether models can be run on CUDA', () => {
  it('is told by the platform, the libraries and the driver', () => {
    expect(on('darwin/arm64', shared, cuda)).toMatchObject({
      kind: 'absent',
      says: expect.stringMatching(/linux\/x64 alone/) as unknown,
    })
    expect(on('linux/x64')).toMatchObject({ kind: 'absent', says: expect.stringMatching(/not installed/) as unknown })
    expect(on('linux/x64', cuda)).toMatchObject({
      kind: 'broken',
      says: expect.stringMatching(/providers_shared.so is missing/) as unknown,
    })
    expect(on('linux/x64', shared, cuda)).toMatchObject({
      kind: 'broken',
      says: expect.stringMatching(/no NVIDIA driver/) as unknown,
    })
    expect(on('linux/x64', shared, cuda, '/proc/driver/nvidia/version')).toMatchObject({ kind: 'ready' })
  })
})
