import type { Meeting } from '../meeting/meeting';
import { useObservable } from '../observable';
import { Icon } from '../parts/icon';
import { Control } from './control';
import type { Action } from './shortcuts';

interface Props {
  meeting: Meeting;
  panel: 'people' | 'chat' | null;
  act: (action: Action) => void;
}

// Controls is the bar at the foot of the room.
export function Controls({ meeting, panel, act }: Props) {
  const { muted, camera } = useObservable(meeting.inputs);
  const { stage } = useObservable(meeting.sharing);
  const { unread } = useObservable(meeting.chat);
  const { people } = useObservable(meeting.people);
  return (
    <div className="controls" role="group" aria-label="Meeting controls">
      <Control action="mute" icon={muted ? 'micOff' : 'mic'} off={muted} label={muted ? 'Unmute' : 'Mute'} act={act} />
      <Control action="camera" icon={camera === 'off' ? 'cameraOff' : 'camera'} off={camera === 'off'} busy={camera === 'starting'}
        label={camera === 'off' ? 'Turn the camera on' : 'Turn the camera off'} act={act} />
      {meeting.sharing.possible && (
        <Control action="share" icon="screen" on={stage === 'on'} busy={stage === 'starting'}
          label={stage === 'on' ? 'Stop sharing' : 'Share your screen'} act={act} />
      )}
      <span className="gap" />
      <Control action="people" icon="people" on={panel === 'people'} label={`People, ${people.length}`} act={act} />
      <Control action="chat" icon="chat" on={panel === 'chat'} badge={unread} label="Chat" act={act} />
      <span className="gap" />
      <button className="leave" aria-label="Leave the meeting" data-tip="Leave" data-testid="leave" onClick={() => meeting.leave()}>
        <Icon name="leave" /><span>Leave</span>
      </button>
    </div>
  );
}
