import { useRef } from 'react';
import type { Picture, Pictures } from '../meeting/pictures';
import { Icon } from '../parts/icon';
import { Video } from './video';

interface Props {
  picture: Picture;
  name: string;
  pictures: Pictures;
}

// Screen is what somebody shares, as large as it gets.
export function Screen({ picture, name, pictures }: Props) {
  const frame = useRef<HTMLElement>(null);
  const toggle = () => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void frame.current?.requestFullscreen();
  };
  return (
    <figure className="screen" ref={frame} data-testid="screen">
      <Video pictures={pictures} tile={picture.tile} label={`Screen of ${name}`} />
      {picture.stalled && <p className="stalled">The picture is held up by a weak connection</p>}
      <figcaption className="plate"><Icon name="screen" /><span className="name">{name} shares a screen</span></figcaption>
      {document.fullscreenEnabled && (
        <button className="round small" aria-label="Full screen, or back" data-tip="Full screen" onClick={toggle}><Icon name="expand" /></button>
      )}
    </figure>
  );
}
