/** What reads the flags. */
export { Argument, Command, CommanderError, Help, type HelpConfiguration, Option } from 'commander';
