import { Observable } from '../observable';
import { MeetingSessionStatusCode as Code, type AudioVideoFacade, type AudioVideoObserver } from './chime';

// End says why a meeting is over for this person.
export type End = 'left' | 'ended' | 'removed' | 'elsewhere' | 'full' | 'refused' | 'unreachable' | 'lost' | 'failed';

export interface ConnectionState {
  phase: 'joining' | 'joined' | 'recovering' | 'over';
  weak: boolean; // sound arrives with gaps
  end?: End;
}

// Connection tells how the way to the meeting is. The client recovers it by
// itself for two minutes before it gives up.
export class Connection extends Observable<ConnectionState> {
  readonly #over: () => void;
  #wasJoined = false;

  // over is called once, when the meeting is over for whatever reason.
  constructor(audioVideo: AudioVideoFacade, over: () => void) {
    super({ phase: 'joining', weak: false });
    this.#over = over;
    const observer: AudioVideoObserver = {
      audioVideoDidStartConnecting: (again) => this.#moveTo(again && this.#wasJoined ? 'recovering' : 'joining'),
      audioVideoDidStart: () => {
        this.#wasJoined = true;
        this.#moveTo('joined');
      },
      audioVideoDidStop: (status) => this.finish(endOf(status.statusCode(), this.#wasJoined)),
      connectionDidBecomePoor: () => this.update({ weak: true }),
      connectionDidSuggestStopVideo: () => this.update({ weak: true }),
      connectionDidBecomeGood: () => this.update({ weak: false }),
    };
    audioVideo.addObserver(observer);
  }

  finish(end: End): void {
    if (this.state.phase === 'over') return;
    this.update({ phase: 'over', end });
    this.#over();
  }

  #moveTo(phase: ConnectionState['phase']): void {
    if (this.state.phase !== 'over') this.update({ phase, weak: false });
  }
}

// endOf reads a status by the client's rules (signaling spec 9.1).
function endOf(code: Code, wasJoined: boolean): End {
  switch (code) {
    case Code.Left:
      return 'left';
    case Code.MeetingEnded:
      return 'ended';
    case Code.AudioAttendeeRemoved:
      return 'removed';
    case Code.AudioJoinedFromAnotherDevice:
      return 'elsewhere';
    case Code.AudioCallAtCapacity:
      return 'full';
    case Code.AudioAuthenticationRejected:
    case Code.SignalingBadRequest:
      return wasJoined ? 'failed' : 'refused';
    case Code.RealtimeApiFailed:
    case Code.AudioDisconnected:
      return 'failed';
    default:
      return wasJoined ? 'lost' : 'unreachable';
  }
}
