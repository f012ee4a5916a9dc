// The button that stops trading. Whether trading stopped is told by the
// engine's next frame, never assumed here.
import { byId, put } from './format.js';

const button = byId('stop');
const dialog = byId('confirm');
const really = byId('really');
const error = byId('confirm-error');
const token = document.querySelector('meta[name="vayu-token"]').content;

export function showKill(kill) {
  const armed = kill.level === 'armed';
  put(byId('level'), kill.level || '–', 'state ' + (armed ? 'good' : kill.stopped ? 'bad' : 'warn'));
  button.hidden = !kill.offered || kill.stopped;
  const banner = byId('stopped');
  banner.hidden = !kill.stopped;
  document.body.classList.toggle('halted', kill.stopped);
  if (kill.stopped) {
    put(banner, `Trading stopped: ${kill.level}${kill.why ? ' (' + kill.why + ')' : ''}`);
    if (dialog.open) dialog.close();
  }
}

button.addEventListener('click', () => {
  error.hidden = true;
  really.disabled = false;
  byId('reason').value = '';
  dialog.showModal();
  byId('keep').focus();
});

// Enter in the reason's field must not mean "keep trading".
byId('reason').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter') return;
  event.preventDefault();
  really.click();
});

really.addEventListener('click', async () => {
  really.disabled = true;
  try {
    const answer = await fetch('stop', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Vayu-Token': token },
      body: JSON.stringify({ reason: byId('reason').value }),
    });
    if (!answer.ok) throw new Error(await answer.text());
    dialog.close();
  } catch (problem) {
    put(error, `Trading was not stopped from here: ${problem.message.trim()}. Stop it with “vayu kill”.`);
    error.hidden = false;
    really.disabled = false;
  }
});
