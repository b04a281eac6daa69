export { addedRequirements, openPythonEnvironments } from './open-python-environments.ts'
export type { PythonEnvOptions } from './open-python-environments.ts'
