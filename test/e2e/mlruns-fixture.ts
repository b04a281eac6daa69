import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A temporary folder, to be filled as MLflow does, or as somebody hostile does. */
export interface MlrunsFixture extends Disposable {
  readonly root: string
  /** The folder of `mlruns`, below root. */
  readonly mlruns: string
  /** Writes below `mlruns`. */
  write(path: string, content: string | Uint8Array): void
  experiment(id: string, name: string, more?: string): void
  /** A run; `files` are below its folder. */
  run(experiment: string, id: string, files?: Readonly<Record<string, string>>, more?: string): void
  version(model: string, version: number, source: string, more?: string): void
}

export const newMlruns = (): MlrunsFixture => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-mlruns-'))
  const mlruns = join(root, 'mlruns')
  mkdirSync(mlruns)
  const write = (path: string, content: string | Uint8Array): void => {
    mkdirSync(dirname(join(mlruns, path)), { recursive: true })
    writeFileSync(join(mlruns, path), content)
  }
  return {
    root,
    mlruns,
    write,
    experiment(id, name, more = '') {
      const fields = [`experiment_id: '${id}'`, `name: ${name}`, 'creation_time: 1000', 'last_update_time: 2000']
      write(`${id}/meta.yaml`, `artifact_location: file:///old/place/${id}\n${fields.join('\n')}\n${more}`)
    },
    run(experiment, id, files = {}, more = '') {
      const fields = [`run_id: ${id}`, 'run_name: first', 'status: 3', 'start_time: 10', 'end_time: 20', 'user_id: ada']
      const uri = `file:///old/place/${experiment}/${id}/artifacts`
      write(
        `${experiment}/${id}/meta.yaml`,
        `artifact_uri: ${uri}\nlifecycle_stage: active\n${fields.join('\n')}\n${more}`,
      )
      for (const [path, content] of Object.entries(files)) write(`${experiment}/${id}/${path}`, content)
    },
    version(model, version, source, more = '') {
      const meta = `creation_timestamp: 5\ndescription: null\nlast_updated_timestamp: 6\nname: ${model}\n`
      write(`models/${model}/meta.yaml`, meta)
      write(
        `models/${model}/version-${version}/meta.yaml`,
        `${meta}current_stage: None\nsource: ${source}\nstatus: READY\nversion: ${version}\n${more}`,
      )
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  }
}
