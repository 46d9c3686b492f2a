import { useEffect, useRef, useState, type FormEvent } from 'react';
import type { Choice } from '../devices/choice';
import { Preview } from '../devices/preview';
import { meetingTitle } from '../names';
import { useObservable } from '../observable';
import { DeviceSelect } from '../parts/device-select';
import { ProblemNote } from '../parts/problem-note';
import { joinMeeting, type Seat } from '../server';
import { refusalWords, type Words } from '../words';
import { DeviceProblems } from './device-problems';
import { Frame } from './frame';
import { Meter } from './meter';
import { Mirror } from './mirror';
import { NameField } from './name-field';
import { ringBell } from './ring';

interface Props {
  meetingId: string;
  seat?: Seat; // of whoever has just started the meeting
  preload: () => unknown;
  enter: (seat: Seat, choice: Choice) => Promise<void>;
  startAnother: () => void;
}

// Lobby is where people look at themselves before others do.
export function Lobby({ meetingId, seat, preload, enter, startAnother }: Props) {
  const [preview] = useState(() => new Preview());
  const { devices, choice, problems } = useObservable(preview);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Words>();
  const joinButton = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    void preview.start();
    preload();
    if (preview.state.choice.name) joinButton.current?.focus();
    return () => preview.stop();
  }, [preview, preload]);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setRefusal(undefined);
    const name = choice.name.trim();
    try {
      const taken = seat ?? (await joinMeeting(meetingId, name));
      preview.stop(); // some systems give a camera to one taker at a time
      // What is known not to work is not tried again at once.
      await enter(taken, {
        ...choice, muted: choice.muted || problems.microphone !== undefined, cameraOff: choice.cameraOff || problems.camera !== undefined,
      });
    } catch (error) {
      setRefusal(refusalWords(error));
      setBusy(false);
      void preview.start();
    }
  };

  return (
    <Frame title={seat ? meetingTitle(seat.Meeting.ExternalMeetingId) : 'Join the meeting'}>
      <form className="lobby" onSubmit={submit}>
        <Mirror preview={preview} />
        <div className="before">
          <h1>{seat ? meetingTitle(seat.Meeting.ExternalMeetingId) : 'Join the meeting'}</h1>
          {seat
            ? <p>Your meeting is ready, {choice.name}. How do you look?</p>
            : <NameField value={choice.name} change={(name) => void preview.choose({ name })} />}
          {refusal && (
            <ProblemNote words={refusal}><button type="button" className="plain" onClick={startAnother}>Start another meeting</button></ProblemNote>
          )}
          <button ref={joinButton} className="primary" type="submit" disabled={busy}>
            {busy ? 'Joining …' : 'Join'}
          </button>
          <fieldset className="devices">
            <legend>Devices</legend>
            <DeviceProblems preview={preview} />
            <DeviceSelect label="Microphone" icon="mic" devices={devices.microphones} chosen={choice.microphone}
              choose={(microphone) => void preview.choose({ microphone })} />
            <Meter preview={preview} />
            <DeviceSelect label="Camera" icon="camera" devices={devices.cameras} chosen={choice.camera}
              choose={(camera) => void preview.choose({ camera })} />
            {devices.speakers.length > 0 && (
              <div className="speaker">
                <DeviceSelect label="Speaker" icon="sound" devices={devices.speakers} chosen={choice.speaker}
                  choose={(speaker) => void preview.choose({ speaker })} />
                <button type="button" className="plain" onClick={() => void ringBell(choice.speaker)}>Test</button>
              </div>
            )}
          </fieldset>
        </div>
      </form>
    </Frame>
  );
}
