import { useEffect, useRef } from 'react';
import type { Preview } from '../devices/preview';
import { useObservable } from '../observable';
import { Avatar } from '../parts/avatar';
import { Icon } from '../parts/icon';

// Mirror shows the camera as a mirror would, with the two switches that count.
export function Mirror({ preview }: { preview: Preview }) {
  const { streams, choice, asking } = useObservable(preview);
  const video = useRef<HTMLVideoElement>(null);
  const stream = streams.camera ?? null;

  useEffect(() => {
    if (video.current) video.current.srcObject = stream;
  }, [stream]);

  return (
    <section className="mirror" aria-label="Your camera">
      {stream
        ? <video ref={video} autoPlay muted playsInline />
        : <div className="nobody">
            <Avatar id={choice.name} name={choice.name} />
            <p>{asking ? 'Waiting for your browser’s permission …' : choice.cameraOff ? 'Your camera is off' : 'No picture'}</p>
          </div>}
      <div className="switches">
        <button type="button" className={choice.muted ? 'round off' : 'round'} aria-pressed={choice.muted}
          aria-label="Join muted" data-tip={choice.muted ? 'You join muted' : 'Join muted'}
          onClick={() => void preview.choose({ muted: !choice.muted })}>
          <Icon name={choice.muted ? 'micOff' : 'mic'} />
        </button>
        <button type="button" className={choice.cameraOff ? 'round off' : 'round'} aria-pressed={choice.cameraOff}
          aria-label="Join with camera off" data-tip={choice.cameraOff ? 'You join without camera' : 'Join without camera'}
          onClick={() => void preview.choose({ cameraOff: !choice.cameraOff })}>
          <Icon name={choice.cameraOff ? 'cameraOff' : 'camera'} />
        </button>
      </div>
    </section>
  );
}
