/** Running a client program to its end. */
import { spawn } from 'node:child_process';

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Written to standard input, which then ends. */
  readonly input?: string;
  /** The program is killed, and the call fails, when it runs longer. */
  readonly deadlineMs?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Default: the root of the file system. */
  readonly cwd?: string;
  /** All of it; default: that of the tests. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a program and gives what it printed; any exit status is an answer. */
export function runCommand(
  file: string,
  args: readonly string[],
  { input = '', deadlineMs = 240_000, cwd = '/', ...options }: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...options, stdio: 'pipe', cwd });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(
        new Error(`${file} ${args.join(' ')}: not done in ${deadlineMs} ms\n${stdout}${stderr}`),
      );
    }, deadlineMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status, stdout, stderr });
    });
    // A program that does not read its input is no failure of the test.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/**
 * Runs a program that has to succeed.
 *
 * @returns its standard output
 * @throws with everything it printed when its status is not 0
 */
export async function runOk(
  file: string,
  args: readonly string[],
  options?: CommandOptions,
): Promise<string> {
  const { status, stdout, stderr } = await runCommand(file, args, options);
  if (status === 0) return stdout;
  throw new Error(`${file} ${args.join(' ')}: exit status ${status}\n${stderr}${stdout}`);
}
