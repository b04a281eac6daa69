import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { emptyModelConfig } from './model-config/model-config.ts'
import { findModelFile } from './model-file.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'slipway-files-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const write = (path: string, content = ''): void => {
  mkdirSync(dirname(join(directory, path)), { recursive: true })
  writeFileSync(join(directory, path), content)
}

const found = async (backend?: string): Promise<string> => {
  const config = backend === undefined ? undefined : { ...emptyModelConfig('m'), backend }
  const { engine, path } = await findModelFile('m', directory, config)
  return `${engine} ${path.slice(directory.length + 1)}`
}

const onnxFlavor = (file: string, loader = 'mlflow.onnx'): string =>
  `flavors:\n  onnx:\n    data: ${file}\n  python_function:\n    loader_module: ${loader}\n`

describe('the file of a model', () => {
  it.each(['model.onnx', 'model.ts', 'model.py', 'model.echo.json'])('may be %s', async (name) => {
    write(name)
    expect(await found()).toMatch(new RegExp(`^\\w+ ${name}$`))
  })

  it('is MLmodel where MLflow saved it, whatever lies beside it', async () => {
    write('MLmodel', 'flavors: {}')
    write('model.py')
    expect(await found()).toBe('python MLmodel')
    expect(await found('mlflow')).toBe('python MLmodel')
  })

  it('is the ONNX file of a folder that MLflow saved when that is all there is to it', async () => {
    write('MLmodel', onnxFlavor('data/net.onnx'))
    expect(await found()).toBe('python MLmodel')
    write('data/net.onnx')
    expect(await found()).toBe('onnx data/net.onnx')
    expect(await found('onnxruntime')).toBe('onnx data/net.onnx')
    expect(await found('python')).toBe('python MLmodel')
    write('MLmodel', onnxFlavor('data/net.onnx', 'my_wrapper'))
    expect(await found()).toBe('python MLmodel')
  })

  it.each(['../secret.onnx', '/etc/passwd', '[a]', '.'])('is never outside of its folder: %s', async (file) => {
    write('MLmodel', onnxFlavor(file))
    expect(await found()).toBe('python MLmodel')
  })

  it('is that of the backend that is named', async () => {
    write('model.py')
    write('model.onnx')
    expect(await found()).toBe('onnx model.onnx')
    expect(await found('python')).toBe('python model.py')
    await expect(found('tensorflow')).rejects.toThrow(/no engine for backend 'tensorflow'/)
    await expect(found('echo')).rejects.toThrow(/has none of model.echo.json/)
  })

  it('may be described by what is no YAML: its host says what is wrong', async () => {
    write('MLmodel', 'a: &a [*a')
    expect(await found()).toBe('python MLmodel')
  })
})
