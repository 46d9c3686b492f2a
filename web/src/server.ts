// The requests to the server's lobby, which lets people in without AWS keys.

// Seat is what the server hands to somebody who may join.
export interface Seat {
  Meeting: { MeetingId: string; ExternalMeetingId?: string };
  Attendee: { AttendeeId: string; ExternalUserId: string; JoinToken: string };
}

// Refusal says why the server let nobody in.
export class Refusal extends Error {
  constructor(readonly code: string, message: string) {
    super(message);
  }
}

export function startMeeting(name: string, title: string): Promise<Seat> {
  return ask('/carillon/lobby/meetings', { Name: name, Title: title });
}

export function joinMeeting(meetingId: string, name: string): Promise<Seat> {
  return ask(`/carillon/lobby/meetings/${encodeURIComponent(meetingId)}/attendees`, { Name: name });
}

async function ask(path: string, body: object): Promise<Seat> {
  let response: Response;
  let answer: { Code?: string; Message?: string };
  try {
    response = await fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    });
    answer = await response.json();
  } catch {
    throw new Refusal('Unreachable', 'no answer, or not one of a Carillon server');
  }
  if (!response.ok) throw new Refusal(answer.Code ?? 'ServiceFailure', answer.Message ?? '');
  return answer as Seat;
}

export function meetingPath(meetingId: string): string {
  return `/m/${meetingId}`;
}

export function meetingLink(meetingId: string): string {
  return location.origin + meetingPath(meetingId);
}
