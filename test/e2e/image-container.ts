import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../src/testing/index.ts'

interface OciManifest {
  readonly config: { readonly digest: string; readonly size: number }
  readonly layers: readonly { readonly digest: string; readonly size: number; readonly mediaType: string }[]
}
interface OciConfig {
  readonly config: { readonly Entrypoint: string[]; readonly Cmd: string[]; readonly User: string }
  readonly rootfs: { readonly diff_ids: readonly string[] }
  readonly history: readonly { readonly comment: string }[]
}

export interface Image {
  readonly manifest: OciManifest
  readonly config: OciConfig
  blob(digest: string): Buffer
}

/** Reads the image of a layout by its digest. */
export const readImage = (layout: string, digest: string): Image => {
  const blob = (name: string): Buffer => readFileSync(join(layout, 'blobs', 'sha256', name.slice(7)))
  const manifest = JSON.parse(blob(digest).toString()) as OciManifest
  return { manifest, config: JSON.parse(blob(manifest.config.digest).toString()) as OciConfig, blob }
}

/** Unpacks the layers of an image, one over the other, as engines do. */
export const unpackImage = (layout: string, { manifest }: Image, system: string): void => {
  mkdirSync(system)
  for (const { digest } of manifest.layers)
    execFileSync('tar', ['-xzpf', join(layout, 'blobs', 'sha256', digest.slice(7)), '-C', system])
}

export interface Container {
  readonly url: string
  /** Ends it, and answers its exit code. */
  stop(): Promise<number | null>
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts an unpacked image as its user with its own files alone, which takes the rights of root. */
export const startContainer = async ({ config }: Image, system: string): Promise<Container> => {
  // What every engine gives a container.
  mkdirSync(join(system, 'dev'))
  mkdirSync(join(system, 'proc'))
  for (const [name, minor] of [
    ['null', 3],
    ['urandom', 9],
  ] as const)
    execFileSync('mknod', ['-m', '666', join(system, 'dev', name), 'c', '1', String(minor)])
  execFileSync('mount', ['-t', 'proc', 'proc', join(system, 'proc')])
  const flags = ['--port', '0', '--grpc-port', '0', '--ready-file', '/data/ready.json']
  const command = [...config.config.Entrypoint, ...config.config.Cmd, ...flags]
  const container = spawn('chroot', ['--userspec', config.config.User, system, ...command], {
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, HOME: '/data' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const exited = new Promise<number | null>((resolve) => container.on('exit', resolve))
  const end = async (): Promise<void> => {
    container.kill('SIGKILL')
    await exited
    execFileSync('umount', [join(system, 'proc')])
  }
  try {
    const ready = join(system, 'data', 'ready.json')
    const { http } = await eventually(
      'the container is ready',
      () => (existsSync(ready) ? (JSON.parse(readFileSync(ready, 'utf8')) as { http: string }) : undefined),
      60_000,
    )
    return {
      url: `http://127.0.0.1:${new URL(http).port}`,
      stop() {
        container.kill('SIGTERM')
        return exited
      },
      [Symbol.asyncDispose]: end,
    }
  } catch (error) {
    await end()
    throw error
  }
}
