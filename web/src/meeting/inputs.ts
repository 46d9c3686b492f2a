import { remember, type Choice } from '../devices/choice';
import { cameraConstraints, microphoneConstraints } from '../devices/constraints';
import { problemOf, type DeviceKind, type Problem } from '../devices/problem';
import { Observable } from '../observable';
import { deviceWords, noticeWords } from '../words';
import type { AudioVideoFacade, AudioVideoObserver, DeviceChangeObserver } from './chime';
import type { Notices } from './notices';

export interface InputsState {
  muted: boolean;
  hasMicrophone: boolean;
  camera: 'off' | 'starting' | 'on';
  choice: Choice;
}

// Inputs is what this person puts into the meeting, and where they hear it.
export class Inputs extends Observable<InputsState> {
  readonly #audioVideo: AudioVideoFacade;
  readonly #notices: Notices;

  constructor(audioVideo: AudioVideoFacade, notices: Notices, choice: Choice) {
    super({ muted: choice.muted, hasMicrophone: false, camera: 'off', choice });
    this.#audioVideo = audioVideo;
    this.#notices = notices;
    audioVideo.realtimeSubscribeToMuteAndUnmuteLocalAudio((muted) => this.update({ muted }));
    if (choice.muted) audioVideo.realtimeMuteLocalAudio();
    const full: AudioVideoObserver = {
      videoSendDidBecomeUnavailable: () => {
        this.#notices.add(noticeWords.cameraLimit, 'bad');
        void this.#cameraOff();
      },
    };
    audioVideo.addObserver(full);
    const gone: DeviceChangeObserver = {
      audioInputStreamEnded: () => {
        this.#notices.add(noticeWords.microphoneUnplugged, 'bad');
        void this.#openMicrophone('');
      },
      videoInputStreamEnded: () => {
        this.#notices.add(noticeWords.cameraUnplugged, 'bad');
        void this.#cameraOff();
      },
    };
    audioVideo.addDeviceChangeObserver(gone);
  }

  // prepare opens the microphone before the meeting is joined, so that the first
  // word is heard. Without one the client joins with silence. Who comes muted is
  // asked for the microphone only when they unmute.
  async prepare(element: HTMLAudioElement): Promise<void> {
    const { choice } = this.state;
    if (!choice.muted && !(await this.#openMicrophone(choice.microphone))) this.#audioVideo.realtimeMuteLocalAudio();
    await this.#audioVideo.bindAudioElement(element);
    if (choice.speaker) await this.chooseSpeaker(choice.speaker);
  }

  // begin goes on once the meeting is joined: the camera needs a place to go to.
  async begin(): Promise<void> {
    if (!this.state.choice.cameraOff) await this.#cameraOn();
  }

  async end(): Promise<void> {
    await this.#audioVideo.stopAudioInput();
    await this.#audioVideo.stopVideoInput();
  }

  async toggleMute(): Promise<void> {
    if (!this.state.muted) {
      this.#audioVideo.realtimeMuteLocalAudio();
    } else if (this.state.hasMicrophone || (await this.#openMicrophone(this.state.choice.microphone))) {
      this.#audioVideo.realtimeUnmuteLocalAudio();
    }
    this.#remember({ muted: this.state.muted });
  }

  async toggleCamera(): Promise<void> {
    if (this.state.camera === 'starting') return;
    if (this.state.camera === 'on') await this.#cameraOff();
    else await this.#cameraOn();
    this.#remember({ cameraOff: this.state.camera === 'off' });
  }

  async chooseMicrophone(id: string): Promise<void> {
    this.#remember({ microphone: id });
    if (this.state.hasMicrophone) await this.#openMicrophone(id);
  }

  async chooseCamera(id: string): Promise<void> {
    this.#remember({ camera: id });
    if (this.state.camera !== 'off') await this.#try('camera', () => this.#audioVideo.startVideoInput(cameraConstraints(id)));
  }

  async chooseSpeaker(id: string): Promise<void> {
    this.#remember({ speaker: id });
    // One that was unplugged since it was chosen leaves the sound where it is.
    await this.#audioVideo.chooseAudioOutput(id).catch(() => {});
  }

  async #openMicrophone(id: string): Promise<boolean> {
    const hasMicrophone = await this.#try('microphone', () => this.#audioVideo.startAudioInput(microphoneConstraints(id)));
    this.update({ hasMicrophone });
    return hasMicrophone;
  }

  async #cameraOn(): Promise<void> {
    this.update({ camera: 'starting' });
    const { camera } = this.state.choice;
    const opened = await this.#try('camera', () => this.#audioVideo.startVideoInput(cameraConstraints(camera)));
    if (opened) this.#audioVideo.startLocalVideoTile();
    this.update({ camera: opened ? 'on' : 'off' });
  }

  async #cameraOff(): Promise<void> {
    this.#audioVideo.stopLocalVideoTile();
    await this.#audioVideo.stopVideoInput(); // the camera's light goes out
    this.update({ camera: 'off' });
  }

  async #try(kind: DeviceKind, open: () => Promise<unknown>): Promise<boolean> {
    let problem: Problem | undefined;
    try {
      await open();
    } catch (error) {
      problem = problemOf(error);
    }
    if (problem === undefined) return true;
    const { title, detail } = deviceWords([kind], problem);
    this.#notices.add(`${title}. ${detail}`, 'bad');
    return false;
  }

  #remember(patch: Partial<Choice>): void {
    this.update({ choice: remember(patch) });
  }
}
