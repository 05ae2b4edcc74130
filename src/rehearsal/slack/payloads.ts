import { ApiError } from './api-error.ts';
import { isObject, type JsonObject, str } from './json.ts';
import type { Answer, SlackUser, StoredView, ViewOutcome } from './shapes.ts';
import { acceptedView, closeViews, replaceView, showView } from './views.ts';
import type { Workspace } from './workspace.ts';

/** The fields of the app in every payload. `token` is the long retired verification token; bots must not trust it. */
export function appLevel(workspace: Workspace): JsonObject {
  return { token: 'retired-verification-token', api_app_id: workspace.options.appId };
}

/** The fields that every interaction shares, a fresh trigger among them. */
export function interaction(workspace: Workspace, type: string, user: SlackUser): JsonObject {
  const teamId = user.teamId ?? workspace.options.teamId;
  return {
    type,
    ...appLevel(workspace),
    team: { id: teamId, domain: teamId.toLowerCase() },
    enterprise: null,
    is_enterprise_install: false,
    user: { id: user.id, username: user.name, name: user.name, team_id: teamId },
    trigger_id: workspace.issueTrigger(user.id),
  };
}

/** The wrapper of the Events API; `by` is whoever caused the event. */
export function eventCallback(workspace: Workspace, event: JsonObject, by: string): JsonObject {
  const { options } = workspace;
  const teamOfUser = workspace.users.get(by)?.teamId ?? options.teamId;
  return {
    ...appLevel(workspace),
    team_id: options.teamId,
    context_team_id: options.teamId,
    event,
    type: 'event_callback',
    event_id: workspace.nextId('Ev'),
    event_time: Math.floor(options.now() / 1000),
    authorizations: [
      {
        enterprise_id: null,
        team_id: options.teamId,
        user_id: options.botUserId,
        is_bot: true,
        is_enterprise_install: false,
      },
    ],
    is_ext_shared_channel: teamOfUser !== options.teamId,
  };
}

/**
 * Does to a submitted modal what the acknowledgement asks for.
 * @returns the answer with the outcome; `invalid_response` when Slack would show "We had some trouble connecting"
 */
export function viewOutcome(workspace: Workspace, view: StoredView, answer: Answer): Answer {
  if (!answer.ok) return answer;
  const said = isObject(answer.json) ? answer.json : {};
  const outcome = (action: ViewOutcome['action'], errors: Record<string, string> = {}): Answer => ({
    ...answer,
    view: { action, errors },
  });
  try {
    switch (str(said['response_action'])) {
      case '':
        closeViews(workspace, view.user, view);
        return outcome('close');
      case 'clear':
        closeViews(workspace, view.user);
        return outcome('clear');
      case 'update':
        replaceView(workspace, view, acceptedView(workspace, said['view'], 'modal'));
        return outcome('update');
      case 'push':
        showView(workspace, view.user, acceptedView(workspace, said['view'], 'modal'), false);
        return outcome('push');
      case 'errors': {
        const errors = isObject(said['errors']) ? said['errors'] : {};
        return outcome(
          'errors',
          Object.fromEntries(Object.entries(errors).map(([key, value]) => [key, str(value)])),
        );
      }
      default:
        throw new ApiError('invalid_arguments');
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { ...answer, ok: false, error: 'invalid_response' };
  }
}
