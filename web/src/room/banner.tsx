import { useEffect, useState } from 'react';
import type { Meeting } from '../meeting/meeting';
import { useObservable } from '../observable';

const patience = 10_000; // ms; joining takes less than one second

// Banner says how the connection is, when it isn't as it should be.
export function Banner({ meeting }: { meeting: Meeting }) {
  const { phase, weak } = useObservable(meeting.connection);
  const { camera } = useObservable(meeting.inputs);
  const { stage } = useObservable(meeting.sharing);
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (phase !== 'joining') return;
    const timer = setTimeout(() => setLate(true), patience);
    return () => clearTimeout(timer);
  }, [phase]);

  if (phase === 'recovering') {
    return <p className="banner bad" role="alert"><span className="spinner" />The connection was lost. Getting you back …</p>;
  }
  if (phase === 'joining') {
    return (
      <p className="banner" role="status">
        <span className="spinner" />{late ? 'This takes longer than it should. Still trying …' : 'Joining …'}
      </p>
    );
  }
  if (weak) {
    return (
      <p className="banner bad" role="alert">
        Your connection is weak.
        {camera === 'on' && <button className="plain" onClick={() => void meeting.inputs.toggleCamera()}>Turn the camera off</button>}
      </p>
    );
  }
  if (stage === 'on') {
    return (
      <p className="banner accent" role="status">
        You share your screen.<button className="plain" onClick={() => void meeting.sharing.toggle()}>Stop sharing</button>
      </p>
    );
  }
  return null;
}
