// The parts of the published Chime client that a meeting needs. They are taken
// one by one: its index would bring messaging, the AWS SDK and background
// effects along, whose models are fetched from elsewhere.
export type { default as AudioVideoFacade } from 'amazon-chime-sdk-js/build/audiovideofacade/AudioVideoFacade';
export type { default as AudioVideoObserver } from 'amazon-chime-sdk-js/build/audiovideoobserver/AudioVideoObserver';
export type { default as ContentShareObserver } from 'amazon-chime-sdk-js/build/contentshareobserver/ContentShareObserver';
export type { default as DataMessage } from 'amazon-chime-sdk-js/build/datamessage/DataMessage';
export type { default as DeviceChangeObserver } from 'amazon-chime-sdk-js/build/devicechangeobserver/DeviceChangeObserver';
export type { default as VideoTileState } from 'amazon-chime-sdk-js/build/videotile/VideoTileState';
export { default as ConsoleLogger } from 'amazon-chime-sdk-js/build/logger/ConsoleLogger';
export { default as DefaultActiveSpeakerPolicy } from 'amazon-chime-sdk-js/build/activespeakerpolicy/DefaultActiveSpeakerPolicy';
export { default as DefaultDeviceController } from 'amazon-chime-sdk-js/build/devicecontroller/DefaultDeviceController';
export { default as DefaultMeetingSession } from 'amazon-chime-sdk-js/build/meetingsession/DefaultMeetingSession';
export { default as LogLevel } from 'amazon-chime-sdk-js/build/logger/LogLevel';
export { default as MeetingSessionConfiguration } from 'amazon-chime-sdk-js/build/meetingsession/MeetingSessionConfiguration';
export { default as MeetingSessionStatusCode } from 'amazon-chime-sdk-js/build/meetingsession/MeetingSessionStatusCode';
