/** Progress for people: what follows the first part of a text is the step at hand, of which there are too many to list. */
export const partsSaid = (say: (text: string) => void): ((text: string) => void) => {
  let said = ''
  return (text) => {
    const [part = ''] = text.split(';')
    if (part !== said) say(part)
    said = part
  }
}
