/** What reads the flags. */
export { Command, CommanderError, Help, type HelpConfiguration, Option } from 'commander';
