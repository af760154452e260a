/** Served as `/.portcullis/assets/enhance.js`. Every page works without it: it adds copy buttons, and holds back a second click on a form's button. */
export const ENHANCE = `for (const field of document.querySelectorAll('[data-copy]')) {
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'small quiet'
  button.textContent = 'Copy'
  const said = document.createElement('span')
  said.setAttribute('role', 'status')
  said.className = 'soft'
  button.setAttribute('aria-label', 'Copy ' + field.dataset.copy)
  button.addEventListener('click', async () => {
    const text = 'value' in field ? field.value : field.textContent
    try {
      await navigator.clipboard.writeText(text)
      said.textContent = 'Copied'
    } catch {
      said.textContent = 'Select the text and copy it'
      if ('select' in field) field.select()
      else getSelection().selectAllChildren(field)
    }
  })
  const row = document.createElement('div')
  row.className = 'copy-row'
  row.append(button, said)
  field.after(row)
}
let sent
addEventListener('submit', (event) => {
  if (sent === event.target) event.preventDefault()
  sent = event.target
})
addEventListener('pageshow', () => {
  sent = undefined
})
`
