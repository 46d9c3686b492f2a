import { problemOf } from '../devices/problem';
import { Observable } from '../observable';
import { noticeWords } from '../words';
import type { AudioVideoFacade, ContentShareObserver } from './chime';
import type { Notices } from './notices';

const maxScreens = 2; // at once in a meeting (signaling spec 4.5)

export interface SharingState {
  stage: 'off' | 'starting' | 'on';
}

// Sharing shows this person's screen to the others.
export class Sharing extends Observable<SharingState> {
  readonly #audioVideo: AudioVideoFacade;
  readonly #notices: Notices;
  readonly #screens: () => number;

  // screens tells how many are shared now.
  constructor(audioVideo: AudioVideoFacade, notices: Notices, screens: () => number) {
    super({ stage: 'off' });
    this.#audioVideo = audioVideo;
    this.#notices = notices;
    this.#screens = screens;
    const observer: ContentShareObserver = {
      contentShareDidStart: () => this.update({ stage: 'on' }),
      contentShareDidStop: () => {
        // Stopped before it started: the server did not let it in. Why, the client keeps to itself.
        if (this.state.stage === 'starting') this.#notices.add(noticeWords.shareRefused, 'bad');
        this.update({ stage: 'off' });
      },
    };
    audioVideo.addContentShareObserver(observer);
  }

  // possible is false on phones, whose browsers have no way to share.
  get possible(): boolean {
    return typeof navigator.mediaDevices?.getDisplayMedia === 'function';
  }

  stop(): void {
    if (this.state.stage !== 'off') this.#audioVideo.stopContentShare();
  }

  async toggle(): Promise<void> {
    if (this.state.stage !== 'off') return this.stop();
    if (this.#screens() >= maxScreens) {
      this.#notices.add(noticeWords.shareLimit, 'bad');
      return;
    }
    let screen: MediaStream;
    try {
      screen = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 15 } }, audio: true });
    } catch (error) {
      // Changing one's mind in the browser's dialog is "denied" too, and needs no words.
      if (problemOf(error) !== 'denied') this.#notices.add(noticeWords.shareBlocked, 'bad');
      return;
    }
    this.update({ stage: 'starting' });
    await this.#audioVideo.startContentShare(screen);
  }
}
