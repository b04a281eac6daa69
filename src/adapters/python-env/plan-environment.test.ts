import { describe, expect, it } from 'vitest'
import type { EnvironmentFiles } from './plan-environment.ts'
import { missingRequirements, planEnvironment } from './plan-environment.ts'

const none: EnvironmentFiles = { mlmodel: undefined, requirements: undefined, pythonEnv: undefined, conda: undefined }
const mlmodel = 'mlflow_version: 3.17.2\n'
const pythonEnv = 'python: 3.11.7\nbuild_dependencies:\n- pip==23\ndependencies:\n- -r requirements.txt\n- extra==1\n'
const conda =
  'dependencies:\n- python=3.10\n- pip<=23\n- pip:\n  - scikit-learn==1.4\n  - mlflow==2.22\nname: mlflow-env\n'

describe('the environment of a model', () => {
  it('holds what requirements.txt lists, before the other files', () => {
    const plan = planEnvironment('m', { mlmodel, requirements: 'mlflow==3.17.2\nskops\n', pythonEnv, conda })
    expect(plan).toEqual({
      lines: ['mlflow==3.17.2', 'skops'],
      names: ['mlflow', 'skops'],
      files: [],
      pythonWanted: '3.11.7',
    })
  })

  it('is told by python_env.yaml or conda.yaml otherwise', () => {
    expect(planEnvironment('m', { ...none, mlmodel, pythonEnv, conda }).lines).toEqual(['extra==1', 'mlflow==3.17.2'])
    expect(planEnvironment('m', { ...none, mlmodel, conda }).lines).toEqual(['scikit-learn==1.4', 'mlflow==2.22'])
  })

  it('has mlflow for what MLflow saved, in the version that saved it when that is one', () => {
    expect(planEnvironment('m', { ...none, mlmodel }).lines).toEqual(['mlflow==3.17.2'])
    expect(planEnvironment('m', { ...none, mlmodel: 'mlflow_version: 3.17.2.dev0+x\n' }).lines).toEqual(['mlflow'])
    expect(planEnvironment('m', { ...none, mlmodel: 'a: &a [*a]\n- :' }).lines).toEqual(['mlflow'])
  })

  it('has numpy for a module', () => {
    expect(planEnvironment('m', none)).toMatchObject({ lines: ['numpy'], names: ['numpy'] })
    expect(planEnvironment('m', { ...none, requirements: 'NumPy<2\n' }).lines).toEqual(['NumPy<2'])
  })

  it('adds the same to lines that pip reads', () => {
    expect(missingRequirements(['NumPy<2', '/m/code/rates-1.0-py3-none-any.whl'], undefined)).toEqual([])
    expect(missingRequirements(['numpy-financial'], undefined)).toEqual(['numpy'])
    expect(missingRequirements(['mlflow-skinny==3.1'], mlmodel)).toEqual(['mlflow==3.17.2'])
    expect(missingRequirements(['mlflow[extras]==2.22'], mlmodel)).toEqual([])
  })

  it('has the files of the model that are listed', () => {
    const plan = planEnvironment('m', { ...none, requirements: 'code/rates-1.0-py3-none-any.whl\nnumpy' })
    expect(plan).toMatchObject({ lines: ['numpy'], files: ['code/rates-1.0-py3-none-any.whl'] })
  })

  it('takes no options or URLs from any of the files', () => {
    const evil = '- --index-url=https://evil.example\n'
    for (const files of [
      { ...none, requirements: '--index-url https://evil.example\nnumpy' },
      { ...none, mlmodel, pythonEnv: `dependencies:\n${evil}` },
      { ...none, mlmodel, conda: `dependencies:\n- pip:\n  ${evil}` },
    ])
      expect(() => planEnvironment('m', files)).toThrow(/is an option of the installer/)
  })
})
