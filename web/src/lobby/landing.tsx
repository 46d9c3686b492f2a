import { useState, type FormEvent } from 'react';
import { recall, remember } from '../devices/choice';
import { ProblemNote } from '../parts/problem-note';
import { startMeeting, type Seat } from '../server';
import { refusalWords, type Words } from '../words';
import { Frame } from './frame';
import { NameField } from './name-field';
import { Picture } from './picture';

// Landing is where a meeting is started.
export function Landing({ started }: { started: (seat: Seat) => void }) {
  const [name, setName] = useState(recall().name);
  const [title, setTitle] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Words>();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    remember({ name: name.trim() });
    try {
      started(await startMeeting(name, title));
    } catch (error) {
      setProblem(refusalWords(error));
      setBusy(false);
    }
  };

  return (
    <Frame title="Carillon">
      <div className="landing">
        <div className="pitch">
          <h1>Meet on a server of your own</h1>
          <p>Sound, pictures, shared screens and chat, straight from your browser. Nothing to install, nobody in between.</p>
          <form onSubmit={submit}>
            <NameField value={name} change={setName} />
            <label className="field">
              <span>What is it about? <em>optional</em></span>
              <input value={title} onChange={(e) => setTitle(e.target.value)} maxLength={48} autoComplete="off" placeholder="Monday round" />
            </label>
            {problem && <ProblemNote words={problem} />}
            <button className="primary" type="submit" disabled={busy}>
              {busy ? 'Starting …' : 'Start a meeting'}
            </button>
          </form>
          <p className="hint">You get a link to send to the others. To join a meeting, open its link.</p>
        </div>
        <Picture />
      </div>
    </Frame>
  );
}
