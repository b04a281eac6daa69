/** A tensor that contradicts itself or what it is compared with. */
export class TensorError extends Error {
  override name = 'TensorError'
  readonly tensor: string
  readonly reason: string

  constructor(tensor: string, reason: string) {
    super(`tensor '${tensor}': ${reason}`)
    this.tensor = tensor
    this.reason = reason
  }
}
