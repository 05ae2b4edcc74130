import { ApiError } from './api-error.ts';
import { contentOf, erase, postAsBot, rewrite } from './chat.ts';
import { isObject, isTrue, type JsonObject, str } from './json.ts';
import type { Answer, SlackUser, StoredMessage } from './shapes.ts';
import type { Channel, Workspace } from './workspace.ts';

const LIFE_MS = 30 * 60 * 1000;
const MAX_USES = 5;

/**
 * Posts what an acknowledgement or a response_url says: to the user alone unless it says `in_channel`.
 * @throws ApiError no_text, invalid_blocks
 */
function postResponse(workspace: Workspace, user: string, channel: string, body: JsonObject): StoredMessage {
  const threadTs = str(body['thread_ts']);
  return postAsBot(workspace, {
    ...contentOf(workspace, body),
    channel,
    threadTs: threadTs === '' ? undefined : threadTs,
    ephemeralTo: body['response_type'] === 'in_channel' ? undefined : user,
  });
}

/**
 * One use of a response_url. A refused body uses it up as well.
 * @returns the HTTP status and body of Slack's answer
 */
export function useResponseUrl(
  workspace: Workspace,
  id: string,
  body: JsonObject,
): { status: number; body: string } {
  const url = workspace.responseUrls.get(id);
  const refused = (error: string, status = 404) => ({ status, body: JSON.stringify({ ok: false, error }) });
  if (!url) return refused('invalid_url');
  if (workspace.options.now() - url.issuedAt > LIFE_MS) return refused('expired_url');
  if (url.uses >= MAX_USES) return refused('used_url');
  url.uses += 1;
  const target = url.target?.deleted ? undefined : url.target;
  try {
    if (isTrue(body['delete_original'])) {
      if (target) erase(workspace, target);
    } else if (isTrue(body['replace_original']) && target) {
      rewrite(workspace, target, contentOf(workspace, body));
    } else {
      const posted = postResponse(workspace, url.user, url.channel, body);
      url.target ??= posted;
    }
    return { status: 200, body: 'ok' };
  } catch (error) {
    if (error instanceof ApiError) return refused(error.code, 400);
    throw error;
  }
}

/** Shows what the acknowledgement of a slash command says, or Slackbot's line when there was none. */
export function afterCommand(
  workspace: Workspace,
  user: SlackUser,
  channel: Channel,
  command: string,
  answer: Answer,
): Answer {
  const slackbot = (error: string): void => {
    const text = `${command} failed with the error "${error}"`;
    workspace.post({ channel: channel.id, user: 'USLACKBOT', byBot: false, text, ephemeralTo: user.id });
  };
  if (!answer.ok) {
    slackbot(answer.error === 'timeout' ? 'operation_timeout' : 'dispatch_failed');
    return answer;
  }
  if (answer.body.trim() === '') return answer;
  const said = isObject(answer.json) ? answer.json : { text: answer.body };
  // Only a type of response and no words: the command is acknowledged, and shown to all or to none.
  if (said['text'] === undefined && said['blocks'] === undefined && said['attachments'] === undefined)
    return answer;
  try {
    postResponse(workspace, user.id, channel.id, said);
    return answer;
  } catch {
    slackbot('invalid_command_response');
    return { ...answer, ok: false, error: 'invalid_response' };
  }
}
