import { execFileSync } from 'node:child_process'
import { describe } from 'vitest'

/** Interpreters that may have numpy: those of the client suites' venvs, made on demand, and the machine's own. */
const candidates = ['.venvs/clients/bin/python', '.venvs/mlflow/bin/python', 'python3', '/usr/bin/python3']

const hasNumpy = (python: string): boolean => {
  try {
    execFileSync(python, ['-I', '-c', 'import numpy'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** An interpreter with numpy; undefined on a machine without one. */
export const testPython: string | undefined = candidates.find(hasNumpy)

if (testPython === undefined)
  console.log('The tests of Python models are left out: no python3 with numpy; node test/clients/prepare.ts makes one.')

/** Groups tests that need `testPython`. */
export const describeWithPython: typeof describe.skip = testPython === undefined ? describe.skip : describe

export const pythonFlags: readonly string[] = ['--python', testPython ?? 'python3']

/** A model module: FP32 [rows, 1] in and out under the names x and y; the body ends with a `return` of y, given x. */
export const pythonModel = (body: string, more = ''): string => `
import os, sys, time
import numpy as np

signature = {
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 1]}],
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}],
}
batched = True
${more}

def answer(x):
${body
  .trim()
  .split('\n')
  .map((line) => `    ${line}`)
  .join('\n')}

def predict(inputs, context):
    return {"y": answer(inputs["x"])}
`
